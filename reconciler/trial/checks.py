"""What a trial boot has to show before it is confirmed by itself."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from backends.host import Host
from backends.steps import StepError
from reconciler.model import Plan
from reconciler.observe import HostState
from reconciler.trial.record import Armed

_SECONDS = 60.0


def unmet(
    host: Host, plan: Plan, state: HostState, there: Armed, commands: Sequence[Sequence[str]]
) -> Iterator[str]:
    """Every expectation that does not hold, as a sentence; the commands only if all else holds.

    ``plan`` is that of the tried spec in the trial boot: whatever it still would do now, did not
    come true with the new arguments (groups, drivers, pages).
    """
    found = list(_of_plan(plan)) + list(_of_host(state, there))
    yield from found
    for argv in () if found else commands:
        yield from _command(host, argv)


def _of_plan(plan: Plan) -> Iterator[str]:
    yield from (f"{f.code}: {f.message}" for f in plan.refusals(strict=False))
    for change in plan.changes:
        yield f"{change.object}: {change.field} is {change.before!r}, not {change.after!r}"
    if any(f.code == "groups-unknown" for f in plan.findings):
        yield "the IOMMU is not on"


def _of_host(state: HostState, there: Armed) -> Iterator[str]:
    now = state.boot.tried
    if there.writable and not now.writable:
        yield "the root file system is read-only"
    if there.routed and not now.routed:
        yield "there is no default route"


def _command(host: Host, argv: Sequence[str]) -> Iterator[str]:
    line = shlex.join(argv)
    try:
        done = host.run(tuple(argv), _SECONDS, host.place())
    except StepError as e:
        yield e.message
        return
    if done is None:
        yield f"{line}: program not found"
    elif done.rc:
        yield f"{line}: exit status {done.rc}"
