"""--rollback: undo a run from its journal."""

from __future__ import annotations

import argparse

from reconciler.modes.carry_out import carry_out, taken
from reconciler.modes.output import agreed, refused, show
from reconciler.modes.target import to_change
from reconciler.runs import rollback
from reconciler.runs.retention import forget_old_runs
from specs.errors import ReconcileError


def run(args: argparse.Namespace) -> int:
    """Undo the run that is named, or the last; returns the exit code. Raises ReconcileError."""
    found, host = to_change(args)
    with taken(host, args):
        record = rollback.find(host, args.operands[0] if args.operands else None)
        state = found.look()
        plan = rollback.plan(host, record, state)
        if plan.refusals(strict=args.strict):
            return refused(plan, args)
        if not agreed(plan, args):
            raise ReconcileError("not undone: the question was not answered with yes")
        outcome = carry_out(
            host,
            plan,
            args,
            state,
            lambda _: rollback.looked_at_again(host, plan),
            undoes=record.run,
        )
        forget_old_runs(host)
    show(plan, args, outcome)
    return 0 if outcome.good else 1
