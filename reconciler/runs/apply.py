"""Doing a plan: journal, perform, look again; what failed is undone and what needed it skipped."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from backends.host import Host
from backends.inverse import in_order, inverse, is_back
from backends.steps import RenameFile, Run, Step
from reconciler.model import Change, Claim, Finding, Plan
from reconciler.outcome import Outcome
from reconciler.ownership import Owned
from reconciler.runs.journal import Journal, JournalError
from specs.errors import ReconcileError
from specs.record import replace

Replan = Callable[[Owned], Plan]
Gate = Callable[[Change], None]


def always(change: Change) -> None:
    """The gate that lets every change begin."""


class Stopped(ReconcileError):
    """A signal asked the run to end; the step at hand was finished first."""


class Apply:
    """One run over one plan. ``replan`` observes again and plans with a given ownership record;
    ``gate`` raises ReconcileError where a change must not be begun just now."""

    def __init__(
        self, host: Host, plan: Plan, journal: Journal, replan: Replan, gate: Gate = always
    ) -> None:
        self.host = host
        self.plan = plan
        self.journal = journal
        self.replan = replan
        self.gate = gate
        self.outcome = Outcome()
        self._undo: dict[str, list[tuple[Step, ...]]] = {}
        self._was: dict[str, list[Claim]] = {}
        self._gave: dict[str, list[Claim]] = {}
        self._seen = dict(plan.contents)
        self._touched: set[str] = set()
        self._aside: set[str] = set()
        self._unverified: list[Change] = []
        self._signal = ""

    def run(self) -> Outcome:
        """Every change in order; returns what became of each."""
        with self._signals():
            for change in self.plan.changes:
                self._one(change)
            self._verify()
        self._mark_left_out()
        with self._told():
            self.journal.finish("done" if self.outcome.good else "failed")
        return self.outcome

    def _one(self, change: Change) -> None:
        if self._signal:
            self._stop_before(change)
            return
        if change.requires & {c.id for c in self._unverified}:
            self._verify()
        unmet = sorted(r for r in change.requires if self.outcome.results.get(r, "done") != "done")
        broken = self._broken_group(change.group)
        if unmet or broken:
            self._skip(change, unmet or broken)
            return
        try:
            self._perform(change)
        except ReconcileError as e:
            self._fail(change, e)
            return
        self.outcome.results[change.id] = "done"
        self._unverified.append(change)

    def _stop_before(self, change: Change) -> None:
        """A signal came: a group that is half done goes back to what it was."""
        done = [c for c in self.plan.changes if change.group and c.group == change.group]
        if any(self.outcome.results.get(c.id) == "done" for c in done):
            self._fail(change, Stopped(f"stopped by {self._signal}"))

    def _broken_group(self, group: str) -> list[str]:
        """Members of an all-or-nothing group that failed already."""
        members = {c.id for c in self.plan.changes if group and c.group == group}
        return sorted(i for i in members if self.outcome.results.get(i, "done") != "done")

    def _perform(self, change: Change) -> None:
        number, total = self.plan.changes.index(change) + 1, len(self.plan.changes)
        self.host.watch.change(number, total, change.object)
        self.gate(change)
        self._undo[change.id] = []
        self._look_at_what_is_made_aside(change)
        claims = [c for c in change.claims if c.before]
        self._was[change.id] = self._recorded(claims)
        self.journal.claim(change.id, claims)
        for index, step in enumerate(change.steps):
            if isinstance(step, RenameFile):  # what it was made from may have been old by then
                self.gate(change)
            self._unchanged(step)
            undo = inverse(self.host, step)
            self.journal.step(change.id, index, step, undo)
            self._undo[change.id].append(undo)
            as_seen = self._as_seen() if isinstance(step, Run) else []
            self.host.perform(step)
            self._seen.update({p: self.host.reader.read_bytes(p) for p in as_seen})
            self.journal.did(change.id, index, step)
            if self._signal:
                raise Stopped(f"stopped by {self._signal}", hint="run the same command again")
        self.journal.event("done", change.id)

    def _recorded(self, claims: Sequence[Claim]) -> list[Claim]:
        """The same claims with what the record says now."""
        owned = self.journal.owned
        return [replace(c, value=owned.get(c.section, c.key)) for c in claims]

    def _look_at_what_is_made_aside(self, change: Change) -> None:
        """A file that takes a program a while to make (grub.cfg) may be made by a package manager
        in the same while, for kernels that ours does not know. (Images are too big to be kept.)"""
        paths = {s.path for s in change.steps if isinstance(s, RenameFile) and not s.again}
        self._aside |= paths
        self._seen.update({p: self.host.reader.read_bytes(p) for p in paths - self._touched})

    def _unchanged(self, step: Step) -> None:
        """What somebody else wrote after this run looked is not overwritten."""
        path, seen = getattr(step, "path", ""), self._seen
        first = path in seen and path not in self._touched
        self._touched.add(path)
        if first and self.host.reader.read_bytes(path) != seen[path]:
            raise ReconcileError(
                "changed by somebody else while this run was at work",
                where=path,
                hint="run again: the new content is looked at then",
            )

    def _as_seen(self) -> list[str]:
        """Files that nobody has changed yet: what a program of ours makes of them is ours
        (update-initramfs lets kernel-install write the loader entries anew)."""
        read, seen = self.host.reader.read_bytes, self._seen
        ours = seen.keys() - self._touched - self._aside
        return [p for p in seen if p in ours and read(p) == seen[p]]

    def _verify(self) -> None:
        """Look again: a change is done when a fresh plan has no steps for it any more."""
        waiting, self._unverified = self._unverified, []
        if not waiting:
            return
        claims = [
            c for change in waiting for c in change.claims if c.settled or c.value is not None
        ]
        try:
            fresh = self.replan(self.journal.owned.with_claims(claims))
        except ReconcileError as e:
            for change in waiting:
                self._fail(change, e)
            return
        left = {change.id: change for change in fresh.changes if change.steps}
        news = set(fresh.refusals(strict=False)) - set(self.plan.refusals(strict=False))
        for change in waiting:
            against = [f for f in news if _concerns(f, change, waiting)]
            if change.id in left:
                self._fail(change, _not_so(change, left[change.id]))
            elif against:
                self._fail(change, ReconcileError("; ".join(f.message for f in against)))
        for change in waiting:
            if self.outcome.results[change.id] == "done":
                self._settle(change)

    def _settle(self, change: Change) -> None:
        """It is so. Where that cannot be written down it has failed, with its whole group."""
        claims = [c for c in change.claims if not c.before]
        self._gave[change.id] = self._recorded(claims)
        try:
            self.journal.claim(change.id, claims)
            self.journal.event("verified", change.id)
        except JournalError as e:
            self._fail(change, e)

    def _fail(self, change: Change, error: ReconcileError) -> None:
        self.outcome.results[change.id] = "failed"
        self.outcome.errors[change.id] = f"{error} ({error.hint})" if error.hint else str(error)
        with self._told():
            self.journal.event("failed", change.id, error=str(error))
        members = [c for c in self.plan.changes if change.group and c.group == change.group]
        undone = [c for c in members if c.id in self._undo] or [change]
        for problem in self._take_back(undone):
            self.outcome.errors[change.id] += f"; not undone: {problem}"
        for other in undone:
            if other is not change and self.outcome.results.get(other.id) == "done":
                self._skip(other, [change.id], "undone, because this failed: ")
        self._unverified = [c for c in self._unverified if c not in undone]

    def _take_back(self, changes: Sequence[Change]) -> list[str]:
        """Undo changes; what could not be undone, in words."""
        problems = []
        for change in changes:
            # What was given up comes back now, and is owned before it does.
            with self._told():
                back = [c for c in self._gave.pop(change.id, []) if c.value is not None]
                self.journal.claim(change.id, back)
        steps = [undo for change in changes for undo in self._undo.pop(change.id, [])]
        for step in in_order(steps):
            try:
                if not is_back(self.host, step):
                    self.host.perform(step)
            except ReconcileError as e:
                what = step.preview()
                problems.append(str(e) if what in str(e) else f"{what}: {e}")
        self.outcome.left += problems
        for change in changes:
            with self._told():
                if not problems:
                    self._give_up(change, changes)
                    self.journal.event("undone", change.id)
        return problems

    def _give_up(self, change: Change, undone: Sequence[Change]) -> None:
        """Nothing of it is left, so the record says what it said before; but for what another
        change has claimed as well."""
        standing = [c for c in self.plan.changes if c not in undone and c.id in self._was]
        others = {(c.section, c.key) for o in standing for c in o.claims}
        was = self._was.pop(change.id, [])
        self.journal.claim(change.id, [c for c in was if (c.section, c.key) not in others])

    @contextmanager
    def _told(self) -> Iterator[None]:
        """A journal that cannot be written must not keep the rest from being undone or told."""
        try:
            yield
        except JournalError as e:
            self.outcome.errors["journal"] = str(e)

    def _skip(self, change: Change, why: Sequence[str], text: str = "needs: ") -> None:
        self.outcome.results[change.id] = "skipped"
        self.outcome.errors[change.id] = text + ", ".join(why)
        with self._told():
            self.journal.event("skipped", change.id, because=list(why))

    def _mark_left_out(self) -> None:
        self.outcome.stopped = self._signal
        for change in self.plan.changes:
            if change.id not in self.outcome.results:
                self._skip(change, [self._signal or "an earlier failure"], "not reached: ")

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGINT, SIGTERM and SIGHUP end the run after the step at hand, not within it."""

        def note(number: int, frame: FrameType | None) -> None:
            self._signal = signal.Signals(number).name

        watched = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, note) for number in watched}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _concerns(finding: Finding, change: Change, changes: Sequence[Change]) -> bool:
    """Whether a refusal that came up during the run is about a change: that libvirt's daemon has
    gone says nothing of kernel arguments. One that is about none of them is about all."""
    table = _table(finding.where)
    named = [c for c in changes if table in map(_table, c.because.split(", "))]
    return change in named or not named


def _table(place: str) -> str:
    """``vm`` of ``vm[0].devices``."""
    return re.split(r"[\[.]", place, maxsplit=1)[0]


def _not_so(change: Change, left: Change) -> ReconcileError:
    return ReconcileError(
        f"done, but looking again shows {left.before!r} instead of {change.after!r}",
        where=change.object,
    )
