"""--confirm: what a trial boot has tried becomes what every boot has."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from backends.bootloader.detect import running_arguments
from backends.bootloader.trial.arguments import running_mark
from backends.host import Host
from backends.identity import boot_id
from reconciler import ownership
from reconciler.context import BOOT_GROUP
from reconciler.git import version_of
from reconciler.messages import say
from reconciler.model import Change, Plan
from reconciler.modes.carry_out import carry_out, taken
from reconciler.modes.output import refused, report
from reconciler.modes.target import to_change
from reconciler.outcome import Outcome
from reconciler.runs.history import runs
from reconciler.runs.left import remember
from reconciler.session import Session
from reconciler.source import Source
from reconciler.trial.checks import unmet
from reconciler.trial.plan import ID
from reconciler.trial.record import Armed, armed
from specs.errors import ReconcileError
from specs.record import replace
from specs.spec import HostSpec

_PAUSE = 10.0  # seconds between two looks
_PATIENCE = 900.0  # seconds, where a trial does not end by itself


class NotInTrial(ReconcileError):
    """There is nothing to confirm here (refused)."""

    exit_code = 3


class Unmet(ReconcileError):
    """The trial's checks did not pass in time."""


def run(args: argparse.Namespace) -> int:
    """Confirm the trial that is running; returns the exit code. Raises ReconcileError."""
    found, host = to_change(args)
    there = _running(host)
    if there is None:
        if not args.quiet:
            say("this trial boot is confirmed already")
        return 0
    session = session_of(there, found)
    if args.checked:
        minutes = session.spec.boot.trial_minutes
        wait(session, there, host, args, patience=minutes * 60.0 or _PATIENCE)
    with taken(host, args):
        _same_trial(session.plan())
        session = replace(session, confirming=True)
        plan = _only(session.plan(), lambda c: c.group == BOOT_GROUP or c.id == ID)
        if plan.refusals(strict=args.strict):
            return refused(plan, args)
        outcome = _carry_out(session, plan, host, args, confirms=there.ident)
        after = replace(session, confirming=False).plan()
        if outcome.good:
            remember(host, session, after, going_on=False)
    return report(plan, outcome, after, args)


def _carry_out(
    session: Session, plan: Plan, host: Host, args: argparse.Namespace, **facts: str
) -> Outcome:
    version = version_of(host, plan.spec_path, plan.spec_digest, (plan.spec_path,))
    return carry_out(host, plan, args, session.observe(), session.plan, version, **facts)


def session_of(there: Armed, source: Source) -> Session:
    """What the trial tries: its spec as it was when the trial was armed."""
    return Session(
        spec=HostSpec.model_validate(there.spec),
        spec_path=there.spec_path,
        spec_digest=there.spec_digest,
        base_dir=there.base_dir,
        documents={},
        source=source,
    )


def wait(
    session: Session,
    there: Armed,
    host: Host,
    args: argparse.Namespace,
    *,
    patience: float,
    pause: float = _PAUSE,
) -> None:
    """Until the trial's checks pass. Raises Unmet after ``patience`` seconds."""
    end = time.monotonic() + patience
    told: list[str] = []
    while problems := look(session, there, host, args):
        if problems != told and not args.quiet:
            say("\n".join(f"not yet: {problem}" for problem in problems))
        told = problems
        if time.monotonic() + pause > end:
            hint = "to keep the trial all the same: reconcile --confirm"
            raise Unmet(f"the trial's checks do not pass: {'; '.join(problems)}", hint=hint)
        time.sleep(pause)


def look(session: Session, there: Armed, host: Host, args: argparse.Namespace) -> list[str]:
    """One look at the trial boot: what it made possible is done, then everything is checked."""
    plan = _only(session.plan(), _now)
    if plan.changes and not plan.refusals(strict=False):
        try:
            with taken(host, args):
                plan = _only(session.plan(), _now)
                _carry_out(session, plan, host, args)
        except ReconcileError as e:  # another run holds the lock: look again later
            return [e.message]
        plan = _only(session.plan(), _now)
    return list(unmet(host, plan, session.observe(), there, session.spec.boot.checks))


def _running(host: Host) -> Armed | None:
    """The trial that this boot is; None if it was confirmed already. Raises NotInTrial."""
    there = armed(ownership.read(host.reader))
    mark = running_mark(running_arguments(host.reader))
    if there is not None and mark == there.ident:
        return there
    if there is None and mark and _confirmed(host, mark):
        return None
    raise _not_in_trial(host, there, mark)


def _confirmed(host: Host, mark: str) -> bool:
    planned = [run for run in runs(host.reader) if run.first("planned").get("confirms") == mark]
    return any(run.first("finished").get("result") == "done" for run in planned)


def _not_in_trial(host: Host, there: Armed | None, mark: str) -> NotInTrial:
    if there is None:
        text = "there is no trial to confirm: none is armed, and none runs"
        if mark:
            text = "this trial boot was taken back: its configuration is no longer there to keep"
        return NotInTrial(text, hint="boot.trial = true in the spec, then reconcile --apply")
    if boot_id(host.reader) == there.boot_id:
        return NotInTrial("the trial is armed but not booted yet", hint="reboot, then confirm")
    if mark:
        text = "this is the trial boot of another configuration than the one that is armed now"
        return NotInTrial(text, hint="reboot into the one that is armed, then confirm")
    return NotInTrial(
        "this boot has the old arguments: the trial failed, or was not confirmed in time",
        hint="reconcile --plan says what to do; journalctl -b -1 is that boot's log",
    )


def _same_trial(plan: Plan) -> None:
    """What would be made permanent must be what this boot has tried."""
    if any(change.id == ID and change.after is not None for change in plan.changes):
        raise NotInTrial(
            "the boot configuration has changed since this trial was armed: it has not been tried",
            hint="reconcile --apply arms a trial of it as it is now",
        )


def _only(plan: Plan, keep: Callable[[Change], bool]) -> Plan:
    return replace(plan, changes=tuple(c for c in plan.changes if keep(c)))


def _now(change: Change) -> bool:
    """Changes of the running host that a trial boot makes possible; domains are left to apply."""
    return change.kind != "domain" and change.id != ID
