"""A run over a plan: the lock, the journal, the steps."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from backends import lock
from backends.host import Host
from backends.package_managers import none_at_work
from reconciler.context import BOOT_GROUP
from reconciler.git import Version
from reconciler.model import Change, Plan
from reconciler.observe import HostState
from reconciler.outcome import Outcome
from reconciler.ownership import Owned
from reconciler.plan_json import to_json
from reconciler.render.progress import watch_of
from reconciler.runs.apply import Apply
from reconciler.runs.journal import Journal
from reconciler.runs.recover import recover


@contextmanager
def taken(host: Host, args: argparse.Namespace) -> Iterator[None]:
    """The host for this run alone, cleared up after a killed one. Raises ReconcileError."""
    with lock.hold(host):
        none_at_work(host)
        recover(host, quiet=args.quiet)
        yield


def carry_out(
    host: Host,
    plan: Plan,
    args: argparse.Namespace,
    state: HostState,
    replan: Callable[[Owned], Plan],
    version: Version | None = None,
    **facts: str,
) -> Outcome:
    """Do a plan, with the host taken; ``state`` is that before it, and ``replan`` looks again.
    The journal keeps the spec's ``version``, and ``facts``. Raises JournalError."""
    if not args.quiet:
        host.watch = watch_of(sys.stderr, plan)
    journal = Journal.start(
        host,
        state.owned,
        to_json(plan),
        boot=state.identity.boot_id,
        command=sys.argv,
        spec=plan.spec_path,
        **(version.facts if version else {}),
        **facts,
    )

    def gate(change: Change) -> None:
        if change.group == BOOT_GROUP:  # one may have begun since the lock was taken
            none_at_work(host)

    return Apply(host, plan, journal, replan, gate).run()
