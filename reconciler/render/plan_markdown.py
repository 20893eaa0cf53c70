"""A plan as markdown, for a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from reconciler.budget.words import count
from reconciler.model import Change, Finding, Pending, Plan, Severity
from reconciler.outcome import Outcome
from reconciler.render import plan_words as words
from reconciler.render.diff import diff
from reconciler.render.markdown import cell, code
from reconciler.render.style import Style

_SIGNS = {Severity.REFUSE: "⛔", Severity.WARN: "⚠️", Severity.NOTE: "ℹ️"}
_RESULTS = {"done": "✅", "failed": "❌", "skipped": "⏭️"}


def markdown(
    plan: Plan, outcome: Outcome | None = None, *, strict: bool = False, verbose: bool = False
) -> str:
    """Headline, findings, a table of changes a chapter, what waits; nothing in it is active.

    ``verbose`` adds the diffs of the files, folded.
    """
    title = "Plan for" if outcome is None else "Applied to"
    lines = [f"### {title} {cell(plan.host.get('hostname') or 'this host')}", ""]
    lines += [f"**{cell(words.closing(plan, strict=strict))}**"]
    lines += _findings(plan)
    for name, changes in words.chapters(plan):
        lines += ["", f"#### {name}", "", *_table("what", "change", "when", "because")]
        lines += [_row(plan, change, outcome) for change in changes]
    lines += _waiting(plan, plan.pending if outcome else words.waiting(plan))
    if verbose:
        lines += _diffs(plan)
    return "\n".join(lines) + "\n"


def _table(*heads: str) -> list[str]:
    return [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]


def _folded(title: str, lines: Sequence[str]) -> list[str]:
    """Closed until somebody wants to see it."""
    return ["", "<details>", f"<summary>{title}</summary>", "", *lines, "", "</details>"]


# --- parts --------------------------------------------------------------------------------------


def _findings(plan: Plan) -> Iterator[str]:
    grave, notes = words.by_weight(plan)
    if grave:
        yield ""
        yield from _finding_table(plan, grave)
    if notes:
        yield from _folded(count(len(notes), "note"), list(_finding_table(plan, notes)))


def _finding_table(plan: Plan, findings: Sequence[Finding]) -> Iterator[str]:
    yield from _table("", "code", "where", "message")
    for f in findings:
        word = f"{_SIGNS[f.severity]} {words.FINDING_WORDS[f.severity]}"
        hint = f" → {cell(f.hint)}" if f.hint else ""
        where = cell(words.labelled(plan, f.where))
        yield f"| {word} | `{f.code}` | {where} | {cell(f.message)}{hint} |"


def _row(plan: Plan, change: Change, outcome: Outcome | None) -> str:
    result = outcome.results[change.id] if outcome else ""
    sign = f"{_RESULTS[result]} {result}: " if result else ""
    error = outcome.errors.get(change.id, "") if outcome else ""
    name = f"{sign}{cell(words.what(plan, change))}{f': {cell(error)}' if error else ''}"
    because = cell(words.why(plan, change)) or "as each line says"
    return f"| {name} | {_change(plan, change)} | {words.WHEN[change.effective]} | {because} |"


def _change(plan: Plan, change: Change) -> str:
    """What is different; the lines of a file, not its digest."""
    if change.details:
        lines = (
            code(f"{sign} {line}") + (f" ({cell(reason)})" if reason else "")
            for sign, line, reason in words.details(plan, change)
        )
        return "<br>".join(lines)
    name = f"{cell(words.field(change))}: " if words.field(change) else ""
    return f"{name}{code(words.value(change.before))} → {code(words.value(change.after))}"


def _waiting(plan: Plan, pending: Sequence[Pending]) -> Iterator[str]:
    if not pending:
        return
    yield from ("", "#### Waiting", "", *_table("what", "what is to come", "waits for"))
    for p in pending:
        thing, to_come = cell(words.named(plan, p.object)), code(words.awaited(p))
        yield f"| {thing} | {to_come} | {words.WAITS[p.effective]} |"


def _diffs(plan: Plan) -> Iterator[str]:
    steps = (step for change in plan.changes for step in change.steps)
    found = [lines for step in steps if (lines := diff(step, plan.contents, Style()))]
    if found:
        title = f"Diffs of {count(len(found), 'file')}"
        yield from _folded(title, [line for lines in found for line in _fenced(lines)])


def _fenced(lines: Sequence[str]) -> list[str]:
    """A block that no line of it can end: its fence is longer than any inside (CommonMark 4.5)."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}diff", *lines, fence]
