"""Reading a host: one protocol, and the reader of a live root or a tree (captures: recorded.py).

Paths are absolute host paths; everything stays inside the root, absolute symlinks too.
"""

from __future__ import annotations

import errno
import os
import stat as stat_module
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from specs.errors import ReconcileError
from specs.record import Record

# What a vanished, sleeping or odd sysfs attribute answers with; all mean "nothing to read here".
_ABSENT = frozenset(
    {
        errno.ENOENT,
        errno.ENOTDIR,
        errno.ENODEV,
        errno.ENXIO,
        errno.EIO,
        errno.EINVAL,
        errno.EISDIR,
        errno.ELOOP,
        errno.EOPNOTSUPP,
    }
)
_DENIED = frozenset({errno.EACCES, errno.EPERM})
_ROOM = 1 << 30
_MAX_LINKS = 40  # path_resolution(7)


class NeedsRoot(ReconcileError):
    """Something that must be read (or written) is closed to this user (EX_NOPERM)."""

    exit_code = 77

    def __init__(self, where: str) -> None:
        super().__init__("permission denied", where=where, hint="run reconcile as root")


class CaptureError(ReconcileError):
    """A capture file is damaged, or does not hold what a plan reads (EX_DATAERR)."""

    exit_code = 65


class TimedOut(ReconcileError):
    """A program did not end in time, and was killed."""


class FileStat(Record):
    """stat(2) of a path, symlinks followed. ``device`` is ``MAJ:MIN`` of the containing device."""

    kind: str  # file | dir | block | char | fifo | socket
    mode: int
    uid: int
    gid: int
    size: int
    mtime_ns: int
    device: str
    ino: int


class Done(Record):
    """A program that has ended: argv, exit status, stdout and stderr as text."""

    argv: tuple[str, ...]
    rc: int
    out: str
    err: str


class Reader(Protocol):
    """What observation needs of a host."""

    def read_bytes(self, path: str, *, optional: bool = False) -> bytes | None:
        """Content, or None where there is nothing to read. Raises NeedsRoot unless optional."""

    def read_text(self, path: str, *, optional: bool = False) -> str | None:
        """As ``read_bytes``, decoded as UTF-8 with surrogateescape."""

    def list(self, path: str) -> tuple[str, ...]:
        """Sorted names in a directory; empty when it is not there."""

    def list_here(self, path: str) -> tuple[str, ...]:
        """The same of the machine that ``output`` runs programs on, which need not be the host
        that is read: virsh asks this machine's libvirt about it."""

    def readlink(self, path: str) -> str | None:
        """The text of a symlink, or None."""

    def realpath(self, path: str) -> str:
        """The host path with every symlink resolved inside the root; need not exist."""

    def exists(self, path: str) -> bool:
        """Whether the path leads to something."""

    def stat(self, path: str) -> FileStat | None:
        """stat(2), symlinks followed, or None."""

    def read_range(self, path: str, offset: int, size: int) -> bytes | None:
        """Up to ``size`` bytes from ``offset``, for files too large to be read whole."""

    def free_bytes(self, path: str) -> int | None:
        """Room on the file system that holds ``path`` (statvfs(3) f_bavail), or None. No more
        than 1 GiB is told: that is enough to decide, and what is told seldom changes."""

    def output(self, argv: Sequence[str], *, timeout: float = 30.0) -> Done | None:
        """Run a program that only reads; None where it is absent or not to be run."""


Run = Callable[[Sequence[str], float], "Done | None"]


def no_programs(argv: Sequence[str], timeout: float) -> Done | None:
    """The runner of sources on which no program is run."""
    return None


T = TypeVar("T")


class TreeReader:
    """A live host (root ``/``) or a tree that looks like one."""

    def __init__(
        self, root: str | Path = "/", run: Run = no_programs, here: str | Path | None = None
    ) -> None:
        """``here`` is the root of whatever ``run`` runs; by default the same."""
        self.root = os.path.realpath(root)
        self._here = self if here is None else TreeReader(here)
        self._prefix = "" if self.root == "/" else self.root
        self._run = run
        self._dirs: dict[str, str] = {"/": "/"}

    def locate(self, path: str, *, follow: bool = True) -> str:
        """The path on this machine's file system of a host path. Raises OSError (ELOOP)."""
        if not self._prefix:
            return path
        return self._prefix + self._chase(path, follow=follow)

    def _chase(self, path: str, *, follow: bool, links: int = 0) -> str:
        parent, name = os.path.split(_normal(path))
        if not name:
            return "/"
        base = self._chase_dir(parent, links)
        full = base.rstrip("/") + "/" + name
        if not follow:
            return full
        target = _link_text(self._prefix + full)
        if target is None:
            return full
        if links >= _MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
        return self._chase(os.path.join(base, target), follow=True, links=links + 1)

    def _chase_dir(self, path: str, links: int) -> str:
        known = self._dirs.get(path)
        if known is None:
            known = self._chase(path, follow=True, links=links)
            self._dirs[path] = known
        return known

    def _attempt(self, path: str, optional: bool, what: Callable[[str], T]) -> T | None:
        try:
            return what(self.locate(path))
        except OSError as e:
            if e.errno in _ABSENT or (optional and e.errno in _DENIED):
                return None
            if e.errno in _DENIED:
                raise NeedsRoot(path) from e
            raise ReconcileError(f"cannot read: {e.strerror}", where=path) from e

    def read_bytes(self, path: str, *, optional: bool = False) -> bytes | None:
        """See Reader. Only regular files are opened: a FIFO in a tree must not block us."""
        return self._attempt(path, optional, _slurp)

    def read_text(self, path: str, *, optional: bool = False) -> str | None:
        """See Reader."""
        data = self.read_bytes(path, optional=optional)
        return None if data is None else data.decode("utf-8", "surrogateescape")

    def list(self, path: str) -> tuple[str, ...]:
        """See Reader."""
        return self._attempt(path, False, lambda p: tuple(sorted(os.listdir(p)))) or ()

    def list_here(self, path: str) -> tuple[str, ...]:
        """See Reader."""
        return self._here.list(path)

    def readlink(self, path: str) -> str | None:
        """See Reader."""
        try:
            return _link_text(self.locate(path, follow=False))
        except OSError as e:
            if e.errno in _DENIED:
                raise NeedsRoot(path) from e
            return None

    def realpath(self, path: str) -> str:
        """See Reader."""
        if not self._prefix:
            return os.path.realpath(path)
        try:
            return self._chase(path, follow=True)
        except OSError:
            return _normal(path)

    def exists(self, path: str) -> bool:
        """See Reader."""
        return self.stat(path) is not None

    def stat(self, path: str) -> FileStat | None:
        """See Reader."""
        return self._attempt(path, False, lambda p: _stat_of(os.stat(p)))

    def read_range(self, path: str, offset: int, size: int) -> bytes | None:
        """See Reader."""
        return self._attempt(path, False, lambda p: _part(p, offset, size))

    def free_bytes(self, path: str) -> int | None:
        """See Reader."""
        return self._attempt(path, False, _free)

    def output(self, argv: Sequence[str], *, timeout: float = 30.0) -> Done | None:
        """See Reader."""
        return self._run(argv, timeout)


def _normal(path: str) -> str:
    clean = os.path.normpath("/" + path)
    return clean[1:] if clean.startswith("//") else clean


def _link_text(path: str) -> str | None:
    try:
        return os.readlink(path)
    except OSError as e:
        if e.errno in _DENIED:
            raise
        return None


def _slurp(path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        if not stat_module.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        # One buffer holds nearly every sysfs file; a short read is the end there.
        parts = [os.read(fd, 65536)]
        while parts[-1]:
            parts.append(os.read(fd, 1 << 20))
        return b"".join(parts)
    finally:
        os.close(fd)


def _part(path: str, offset: int, size: int) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        if not stat_module.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        return os.pread(fd, size, offset)
    finally:
        os.close(fd)


def _free(path: str) -> int:
    found = os.statvfs(path)
    return min(found.f_bavail * found.f_frsize, _ROOM)


_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat_module.S_ISREG, "file"),
    (stat_module.S_ISDIR, "dir"),
    (stat_module.S_ISBLK, "block"),
    (stat_module.S_ISCHR, "char"),
    (stat_module.S_ISFIFO, "fifo"),
)


def _stat_of(s: os.stat_result) -> FileStat:
    kind = next((name for test, name in _KINDS if test(s.st_mode)), "socket")
    return FileStat(
        kind=kind,
        mode=stat_module.S_IMODE(s.st_mode),
        uid=s.st_uid,
        gid=s.st_gid,
        size=s.st_size,
        mtime_ns=s.st_mtime_ns,
        device=f"{os.major(s.st_dev)}:{os.minor(s.st_dev)}",
        ino=s.st_ino,
    )
