"""What an apply has to leave for the next boot, written down for the unit that goes on with it.

It counts how often somebody went on with it: a boot that never gets it done does not try for ever.
"""

from __future__ import annotations

import json
from typing import Any

from backends.host import Host
from backends.identity import boot_id
from backends.reader import Reader
from reconciler.model import Effective, Plan
from reconciler.ownership import STATE_DIR
from reconciler.session import Session
from specs.record import Record

PATH = f"{STATE_DIR}/resume.json"


class Left(Record):
    """Something of this spec waits for a boot other than ``boot_id``; ``tries`` have been made."""

    spec: str
    digest: str
    boot_id: str
    tries: int = 0


def left(reader: Reader) -> Left | None:
    """What is left; None: nothing, or a file that cannot be read, which is the same."""
    text = reader.read_text(PATH)
    try:
        data: dict[str, Any] = json.loads(text or "null")
        return Left(
            str(data["spec"]), str(data["digest"]), str(data["boot_id"]), int(data["tries"])
        )
    except (ValueError, KeyError, TypeError):
        return None


def remember(host: Host, session: Session, after: Plan, *, going_on: bool) -> None:
    """Write down what waits for a reboot, if the spec wants that; else forget it."""
    known = left(host.reader)
    if not _waits(session, after):
        if known is not None:
            forget(host)
        return
    tries = known.tries if known and going_on else 0
    write(host, Left(session.spec_path, session.spec_digest, boot_id(host.reader), tries))


def remembered(reader: Reader, session: Session, plan: Plan) -> bool:
    """Whether it is written down as ``plan``, which has no changes, leaves it: a run may have been
    killed in between."""
    known = left(reader)
    if not _waits(session, plan):
        return known is None
    return known is not None and known.digest == session.spec_digest


def _waits(session: Session, plan: Plan) -> bool:
    reboot = any(p.effective is Effective.REBOOT for p in plan.pending)
    return session.spec.boot.resume and reboot


def write(host: Host, what: Left) -> None:
    """Durable when this returns."""
    data = {name: getattr(what, name) for name in what.__struct_fields__}
    host.write_file(PATH, (json.dumps(data) + "\n").encode(), 0o600)


def forget(host: Host) -> None:
    """Nothing is left."""
    host.remove_file(PATH)
