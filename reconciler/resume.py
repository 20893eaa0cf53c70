"""--apply --resume: what an apply had to leave for this boot. A unit starts it, never in a loop."""

from __future__ import annotations

import argparse
import sys

from backends.host import Host
from reconciler.apply_mode import apply
from reconciler.left import Left, forget, left, write
from reconciler.model import Effective
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


def resume(args: argparse.Namespace, source: Source) -> int:
    """Go on; returns the exit code. Raises ReconcileError."""
    host = source.host
    assert host is not None
    what = left(host.reader)
    if what is None:
        return _nothing(args, "nothing was left for this boot")
    if what.boot_id == _boot(host):
        return _nothing(args, "what was left waits for a reboot, which has not come yet")
    _count(host, what)
    session = Session.open(what.spec, source)
    if session.spec_digest != what.digest:
        forget(host)
        raise OtherSpec(
            "the spec has changed since something of it was left for this boot",
            where=what.spec,
            hint="look at what it would do (--plan), and apply it",
        )
    args.yes = True
    code = apply(args, what.spec, source)
    if code == 0 and not _waits(session):
        forget(host)
    return code


def _nothing(args: argparse.Namespace, why: str) -> int:
    if not args.quiet:
        sys.stderr.write(f"{why}\n")
    return 0


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


def _boot(host: Host) -> str:
    return (host.reader.read_text("/proc/sys/kernel/random/boot_id") or "").strip()
