"""One run at a time: flock(2) on /run/reconcile.lock, which dies with its last holder.

Programs that a run starts hold it too. If the run is killed and a program of its goes on
(update-initramfs takes a minute), the next run must not start a second one beside it.
"""

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
    """Another run, or a package manager, holds the lock (EX_TEMPFAIL)."""

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
    except OSError as e:
        hint = "make room there, or remove what stands in the way, and run again"
        raise ReconcileError(f"cannot be locked: {e.strerror}", where=PATH, hint=hint) from e
    try:
        _take(fd, real)
        os.set_inheritable(fd, True)
        host.handed_on |= {fd}
        try:
            yield
        finally:
            host.handed_on -= {fd}
            # Not only closed: a child that hangs in the kernel for ever would keep it.
            fcntl.flock(fd, fcntl.LOCK_UN)
    finally:
        os.close(fd)


def _take(fd: int, real: str) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise _locked(os.pread(fd, 4096, 0).decode("utf-8", "replace").strip(), real) from None
    with contextlib.suppress(OSError):  # who holds it is told where there is room for that
        os.ftruncate(fd, 0)
        holder = f"pid {os.getpid()}: {' '.join(sys.argv)}\n"
        os.pwrite(fd, holder.encode("utf-8", "surrogateescape"), 0)


def _locked(holder: str, real: str) -> Locked:
    pid = holder.removeprefix("pid ").partition(":")[0]
    if pid.isdecimal() and not os.path.exists(f"/proc/{pid}"):
        programs = ", ".join(_holders(real)) or "one that cannot be seen from here"
        return Locked(
            f"a run was killed ({holder}), and a program that it started goes on: {programs}",
            where=PATH,
            hint="wait for that program to end, then run again: the job is finished then",
        )
    return Locked(
        f"another run is at work: {holder or 'unknown'}",
        where=PATH,
        hint="wait for it to end, then run again",
    )


def _holders(real: str) -> Iterator[str]:
    """Processes that have the lock file open (proc(5))."""
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            opened = (os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd"))
            if pid != str(os.getpid()) and real in opened:
                with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as comm:
                    yield f"{comm.read().strip()} (pid {pid})"
