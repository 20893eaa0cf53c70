"""How a run ends: what was done, what waits, what to do next."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.budget.words import count
from reconciler.model import Effective, Plan
from reconciler.outcome import Outcome
from reconciler.render.plan_words import CONFIRM, closing, in_trial, listed


def ending(plan: Plan, outcome: Outcome, *, verbose: bool = False) -> Iterator[str]:
    """The last lines of ``--apply``; ``plan`` has what is pending afterwards."""
    if not plan.changes:
        yield closing(plan, verbose=verbose)
        return
    yield _done(outcome)
    if outcome.stopped:
        yield f"Stopped by {outcome.stopped}: the same command goes on where this run ended."
    elif outcome.left:
        yield (
            f"Not everything that failed could be undone: {'; '.join(outcome.left)}. How files "
            "were before is in the journal; see to the reason and run reconcile --rollback."
        )
    elif not outcome.good:
        yield (
            "What failed was undone and the host is as before in that. See to the reason and run "
            "the same command again; reconcile --rollback undoes the rest of this run."
        )
    if "journal" in outcome.errors:
        yield f"The journal of this run is not complete: {outcome.errors['journal']}."
    yield from _next(plan)


def _done(outcome: Outcome) -> str:
    results = list(outcome.results.values())
    parts = [
        f"{count(results.count('done'), 'change')} done and verified",
        f"{results.count('failed')} failed" if "failed" in results else "",
        f"{results.count('skipped')} skipped" if "skipped" in results else "",
    ]
    return ", ".join(part for part in parts if part) + "."


def _next(plan: Plan) -> Iterator[str]:
    """What the user has to do for the rest to take effect."""
    reboot = [p for p in plan.pending if p.effective is Effective.REBOOT]
    if in_trial(plan):
        yield CONFIRM
    elif reboot:
        things = listed(p.object for p in reboot)
        yield f"Next: reboot this host ({things}), then run the same command again."
    vms = [p.object for p in plan.pending if p.effective is Effective.VM_RESTART]
    if vms:
        yield f"Next: shut down and start {listed(vms)}."
