"""--apply --resume: what an apply had to leave for this boot. A unit starts it, never in a loop."""

from __future__ import annotations

import argparse

from backends.host import Host
from backends.identity import boot_id
from reconciler.messages import say
from reconciler.model import Effective
from reconciler.runs.left import Left, forget, left, write
from reconciler.session import Session
from reconciler.source import Source
from specs.errors import ReconcileError
from specs.record import replace

TRIES = 3


class GivenUp(ReconcileError):
    """It was tried often enough."""


class OtherSpec(ReconcileError):
    """The spec is not the one of which something was left (refused)."""

    exit_code = 3


def begin(args: argparse.Namespace, found: Source, host: Host) -> Session | None:
    """What to go on with, counted as a try; None: nothing. Raises ReconcileError."""
    what = left(host.reader)
    if what is None or what.boot_id == boot_id(host.reader):
        waits = "what was left waits for a reboot, which has not come yet"
        if not args.quiet:
            say(waits if what else "nothing was left for this boot")
        return None
    _count(host, what)
    session = Session.open(what.spec, found)
    if session.spec_digest != what.digest:
        forget(host)
        raise OtherSpec(
            "the spec has changed since something of it was left for this boot",
            where=what.spec,
            hint="look at what it would do (--plan), and apply it",
        )
    return session


def end(host: Host, session: Session, code: int) -> None:
    """After the apply: nothing is left where it ended well and nothing waits any more."""
    if code == 0 and not _waits(session):
        forget(host)


def _count(host: Host, what: Left) -> None:
    """Before anything is done: a try that takes the machine down counts as well."""
    if what.tries >= TRIES:
        forget(host)
        raise GivenUp(
            f"given up: {TRIES} boots have tried to go on and something is still left",
            where=what.spec,
            hint="reconcile --plan says what; apply it by hand",
        )
    write(host, replace(what, tries=what.tries + 1))


def _waits(session: Session) -> bool:
    return any(p.effective is Effective.REBOOT for p in session.plan().pending)
