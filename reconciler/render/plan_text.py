"""A plan for people: what, from what to what, why, and when it takes effect."""

from __future__ import annotations

import msgspec

from reconciler.budget.words import count
from reconciler.model import Change, Finding, Pending, Plan, Severity
from reconciler.outcome import Outcome
from reconciler.render import plan_words as words
from reconciler.render.diff import diff
from reconciler.render.ending import ending
from reconciler.render.style import Style, clean
from reconciler.render.wrap import WIDTH, wrap

_SIGNS = {
    Severity.REFUSE: ("✗", "red"),
    Severity.WARN: ("!", "yellow"),
    Severity.NOTE: ("·", "dim"),
}
_RESULTS = {"done": ("✓", "green"), "failed": ("✗", "red"), "skipped": ("-", "yellow")}


def text(
    plan: Plan,
    style: Style,
    *,
    verbose: bool = False,
    quiet: bool = False,
    strict: bool = False,
    outcome: Outcome | None = None,
    width: int = WIDTH,
) -> str:
    """The whole page; ends with a newline. Only diffs may be wider than ``width``. With ``quiet``
    only what was refused, warned of or failed, and the sum; ``strict``: warnings refuse."""
    page = _Page(plan, style, verbose and not quiet, width, outcome)
    if quiet:
        page.grave()
    else:
        page.title()
        page.findings()
        # What a refused plan would do is no news to somebody who has to change the spec first.
        if verbose or not plan.refusals(strict=strict):
            page.changes()
            page.pending()
        if verbose:
            page.unchanged()
        page.lines.append("")
    last = [words.closing(plan, strict=strict, verbose=verbose)] if outcome is None else []
    if outcome is not None:
        last += ending(plan, outcome, verbose=verbose)
    page.lines += [line for sentence in last for line in page.wrapped(sentence)]
    return "\n".join(page.lines) + "\n"


class _Page(msgspec.Struct):
    """The lines so far, and how they are made."""

    plan: Plan
    style: Style
    verbose: bool
    width: int
    outcome: Outcome | None
    lines: list[str] = msgspec.field(default_factory=list)

    def wrapped(self, words: str, first: str = "", look: str = "") -> list[str]:
        """``words`` in lines that fit; each painted by itself, so that pagers cope."""
        lines = wrap(clean(words), first, width=self.width)
        return [self.style.paint(line, look) for line in lines] if look else lines

    def headed(self, sign: str, look: str, head: str, indent: str = "  ") -> list[str]:
        """A sign in its colour before a line that may go on below."""
        first, *rest = wrap(clean(head), f"{indent}{sign} ", width=self.width)
        return [first.replace(sign, self.style.paint(sign, look), 1), *rest]

    # -- parts

    def title(self) -> None:
        host = self.plan.host
        name = str(host.get("hostname") or "this host")
        word = "Plan for" if self.outcome is None else "Applied to"
        loader = host.get("bootloader")
        known = "boot loader unknown" if loader == "unknown" else loader
        facts = f"{known}, IOMMU {host.get('iommu')}"
        self.lines += self.wrapped(f"{word} {name} ({facts})", look="bold")
        # A path is for copying: it is never broken.
        self.lines.append(self.style.paint(f"  from {clean(self.plan.spec_path)}", "dim"))

    def findings(self) -> None:
        grave, notes = words.by_weight(self.plan)
        for finding in self.plan.findings if self.verbose else grave:
            self.lines += ["", *self.finding(finding)]
        if notes and not self.verbose:
            self.lines += ["", *self.wrapped(f"{count(len(notes), 'note')} (-v)", look="dim")]

    def grave(self) -> None:
        """What nobody wants to miss."""
        for finding in words.by_weight(self.plan)[0]:
            self.lines += [*self.finding(finding), ""]
        failed = self.outcome.errors if self.outcome else {}
        for change in self.plan.changes:
            if change.id in failed:
                self.change(change)

    def finding(self, finding: Finding) -> list[str]:
        sign, look = _SIGNS[finding.severity]
        word = words.FINDING_WORDS[finding.severity]
        head = f"{word}: {finding.code}, {words.labelled(self.plan, finding.where)}"
        lines = self.wrapped(head, f"{sign} ", look)
        lines += self.wrapped(finding.message, "  ")
        return lines + (self.wrapped(finding.hint, "  → ", "cyan") if finding.hint else [])

    def changes(self) -> None:
        for name, changes in words.chapters(self.plan):
            self.lines += ["", self.style.paint(name, "bold")]
            for change in changes:
                self.change(change)

    def change(self, change: Change) -> None:
        sign, look = self._sign(change)
        self.lines += self.headed(sign, look, words.what(self.plan, change))
        steps = change.steps if self.verbose else ()
        diffs = [diff(step, self.plan.contents, self.style) for step in steps]
        if not (any(diffs) and change.kind in ("file", "limits")):
            self.lines += self._details(change) if change.details else self._difference(change)
        self.lines += self.wrapped(words.when_and_why(self.plan, change), "      ", "dim")
        if self.outcome and change.id in self.outcome.errors:
            self.lines += self.wrapped(self.outcome.errors[change.id], "      ", "red")
        for step, lines in zip(steps, diffs, strict=True):
            self.lines += self.wrapped(step.preview(), "      $ ", "dim")
            self.lines += [f"        {line}" for line in lines]

    def _sign(self, change: Change) -> tuple[str, str]:
        if self.outcome:
            return _RESULTS[self.outcome.results[change.id]]
        if change.steps and words.is_new(self.plan, change):
            return "+", "green"
        return ("-", "red") if change.after is None else ("~", "yellow")

    def _difference(self, change: Change) -> list[str]:
        name = words.field(change)
        if not change.steps and change.after is None:
            kept = "" if change.before is None else f": {words.value(change.before)}"
            return self.wrapped(f"forgotten{kept}", "      ")
        both = f"{words.value(change.before)} → {words.value(change.after)}"
        return self.wrapped(f"{name}: {both}" if name else both, "      ")

    def _details(self, change: Change) -> list[str]:
        lines = []
        for mark, line, why in words.details(self.plan, change):
            look = "green" if mark == "+" else "red"
            lines += self.wrapped(line + (f"   # {why}" if why else ""), f"      {mark} ", look)
        return lines

    def pending(self) -> None:
        shown = self.plan.pending if self.outcome else words.waiting(self.plan)
        for effective in dict.fromkeys(p.effective for p in shown):
            self.lines += ["", self.style.paint(f"Waiting for {words.WAITS[effective]}", "bold")]
            for item in shown:
                if item.effective is effective:
                    self.lines += self._waiting(item)

    def _waiting(self, item: Pending) -> list[str]:
        lines = self.headed("…", "yellow", words.named(self.plan, item.object))
        return lines + self.wrapped(words.awaited(item), "      ")

    def unchanged(self) -> None:
        if self.plan.unchanged:
            self.lines += ["", self.style.paint("Already so", "bold")]
        for item in self.plan.unchanged:
            thing = words.named(self.plan, item.object)
            reason = f"{item.reason}   # {words.labelled(self.plan, item.because)}"
            self.lines += self.headed("=", "dim", f"{thing}: {reason}")
