"""--apply: lock, look, refuse or do, look again, and say what is left."""

from __future__ import annotations

import argparse

from backends.host import Host
from reconciler import saved
from reconciler.git import version_of
from reconciler.model import Plan
from reconciler.modes import resume
from reconciler.modes.carry_out import carry_out, taken
from reconciler.modes.output import agreed, plan_exit_code, refused, report, show
from reconciler.modes.target import spec_path, to_change
from reconciler.outcome import Outcome
from reconciler.runs.history import interrupted
from reconciler.runs.left import remember, remembered
from reconciler.runs.retention import forget_old_runs
from reconciler.session import Session
from reconciler.source import Source
from specs.errors import ReconcileError
from specs.record import replace


def run(args: argparse.Namespace) -> int:
    """Apply a spec or a saved plan; returns the exit code. Raises ReconcileError."""
    found, host = to_change(args)
    if not args.resume:
        return _apply(args, spec_path(args), found, host)
    session = resume.begin(args, found, host)
    if session is None:
        return 0
    args.yes = True
    code = _apply(args, session.spec_path, found, host)
    resume.end(host, session, code)
    return code


def _apply(args: argparse.Namespace, path: str, found: Source, host: Host) -> int:
    stored = saved.load(path)
    session = Session.of_plan(stored, found, path) if stored else Session.open(path, found)
    session = replace(session, again=args.again)
    # Looking first without the lock: a host in sync is left without a single write.
    first = saved.checked(stored, session.plan())
    if first.refusals(strict=args.strict):
        return refused(first, args)
    if not needs_work(first, host, session):
        show(first, args, Outcome({}))
        return plan_exit_code(first, args)
    if not agreed(first, args):
        raise ReconcileError("not applied: the question was not answered with yes")
    with taken(host, args):
        state = session.observe()
        plan = saved.checked(stored, session.plan(state=state))
        if plan.refusals(strict=args.strict):
            return refused(plan, args)
        outcome = Outcome({})
        if plan.changes:
            # A saved plan carries its spec along; what else that was read from, it does not tell.
            files = (plan.spec_path,) if stored else session.files
            version = version_of(host, plan.spec_path, plan.spec_digest, files)
            outcome = carry_out(host, plan, args, state, session.plan, version)
        after = session.plan()
        if outcome.good:
            remember(host, session, after, going_on=args.resume)
        forget_old_runs(host)
    return report(plan, outcome, after, args)


def needs_work(plan: Plan, host: Host, session: Session) -> bool:
    """Whether there is anything to do: changes, a killed run to clear up after, or what it did not
    come to write down."""
    killed = interrupted(host.reader) is not None
    return bool(plan.changes) or killed or not remembered(host.reader, session, plan)
