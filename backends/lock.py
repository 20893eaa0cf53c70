"""One run at a time: flock(2) on /run/reconcile.lock, which dies with its holder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
from collections.abc import Iterator

from backends import files
from backends.host import Host
from backends.reader import NeedsRoot
from specs.errors import ReconcileError

PATH = "/run/reconcile.lock"


class Locked(ReconcileError):
    """Another run holds the lock (EX_TEMPFAIL)."""

    exit_code = 75


@contextlib.contextmanager
def hold(host: Host) -> Iterator[None]:
    """Hold the lock for a block. A file left by a dead run is no obstacle. Raises Locked."""
    real = host.locate(PATH)
    try:
        files.make_folders(os.path.dirname(real))
        fd = os.open(real, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except PermissionError as e:
        raise NeedsRoot(PATH) from e
    with contextlib.closing(os.fdopen(fd, "r+", buffering=1)) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = lock.read(4096).strip() or "unknown"
            raise Locked(
                f"another run is at work: {holder}",
                where=PATH,
                hint="wait for it to end, then run again",
            ) from None
        lock.truncate(0)
        lock.write(f"pid {os.getpid()}: {' '.join(sys.argv)}\n")
        yield
