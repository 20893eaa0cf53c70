"""Package managers at work: they write kernels, initramfs and boot configuration as we do.

dpkg and apt lock with fcntl(2) (dpkg(1), /var/lib/dpkg/lock-frontend), rpm likewise on .rpm.lock in
its database, pacman by a file that exists (pacman(8)), zypper by a pid in a file.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
from collections.abc import Iterator

from backends.host import Host
from backends.lock import Locked

_FCNTL = {
    "/var/lib/dpkg/lock-frontend": "apt or dpkg",
    "/var/lib/dpkg/lock": "dpkg",
    "/var/lib/rpm/.rpm.lock": "rpm",
    "/usr/lib/sysimage/rpm/.rpm.lock": "rpm",
}
_PACMAN = "/var/lib/pacman/db.lck"
_ZYPPER = "/run/zypp.pid"
_FLOCK = "hhqqi"  # struct flock of Linux on 64 bit: type, whence, start, len, pid (fcntl(2))


def none_at_work(host: Host) -> None:
    """Raises Locked where a package manager is in the middle of its work on this host."""
    for path, name in _at_work(host):
        raise Locked(
            f"{name} is at work on this host and may write the same boot files",
            where=path,
            hint="wait for it to end, then run again",
        )


def _at_work(host: Host) -> Iterator[tuple[str, str]]:
    for path, name in _FCNTL.items():
        pid = _locker(host.locate(path))
        if pid is not None:
            yield path, f"{name} (pid {pid})" if pid > 0 else name
    if os.path.lexists(host.locate(_PACMAN)):
        yield _PACMAN, "pacman"
    with contextlib.suppress(OSError, ValueError):
        with open(host.locate(_ZYPPER), "rb") as file:
            pid = int(file.read(32) or b"0")
        if host.live and pid and os.path.exists(f"/proc/{pid}"):
            yield _ZYPPER, f"zypper (pid {pid})"


def _locker(real: str) -> int | None:
    """Pid of the process that keeps a file locked for writing (F_GETLK), or None. The pid
    is 0 or less where it has none in this namespace."""
    try:
        fd = os.open(real, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        ask = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(fd, fcntl.F_GETLK, ask))
    finally:
        os.close(fd)
    return None if kind == fcntl.F_UNLCK else int(pid)
