"""Replacing files so that they are old or new, never torn. Paths here are this machine's."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator

from specs.record import Record


class Marks(Record):
    """What a file has beside content and mode: owner, group and extended attributes (the SELinux
    label and POSIX ACLs are among them, xattr(7))."""

    uid: int
    gid: int
    attributes: tuple[tuple[str, bytes], ...] = ()


def temporary_name(path: str) -> str:
    """The name beside ``path`` under which its next content is written.

    The same every time, so that a killed run's remains are overwritten or removed by the next
    one; no ``*.conf``, ``*.cfg`` or ``*.rules`` pattern matches it.
    """
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.reconcile~")


def marks(path: str) -> Marks:
    """The marks of a file. Raises OSError."""
    found = os.stat(path)
    names = _attributes(path)
    return Marks(found.st_uid, found.st_gid, tuple((n, os.getxattr(path, n)) for n in names))


def replace(path: str, content: bytes, mode: int, given: Marks | None = None) -> None:
    """Write temporary file, fsync, rename over ``path``, fsync the folder. Raises OSError.

    Without ``given`` marks, those of an existing file are kept.
    """
    temp = temporary_name(path)
    try:
        _write_new(temp, content, mode)
        _take_after(temp, path, given)
        os.chmod(temp, mode)
        sync_file(temp)
        os.rename(temp, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temp)
        raise
    sync_folder(os.path.dirname(path))


def save(path: str, content: bytes) -> None:
    """Write a file that a user names: a regular one is replaced and only its owner may read it, a
    link stays and what it leads to is written. Raises OSError.

    A device or a FIFO is written to and never replaced: /dev/null stays what it is.
    """
    with contextlib.suppress(FileNotFoundError):
        kind = os.stat(path).st_mode
        if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
            with _descriptor(path, os.O_WRONLY | os.O_NOCTTY) as fd:
                _write(fd, content)
            return
    replace(os.path.realpath(path), content, 0o600)


def rename_over(source: str, path: str) -> None:
    """fsync ``source`` and rename it over ``path``, which passes on owner, mode and attributes."""
    if os.path.exists(path):
        _take_after(source, path, None)
        os.chmod(source, os.stat(path).st_mode & 0o7777)
    sync_file(source)
    os.rename(source, path)
    sync_folder(os.path.dirname(path))


def remove(path: str) -> None:
    """Unlink ``path`` (gone already is fine) and fsync the folder. Raises OSError."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    sync_folder(os.path.dirname(path))


def make_folders(path: str, mode: int = 0o755) -> tuple[str, ...]:
    """Create the missing folders above and at ``path``; returns them, outermost first."""
    missing = []
    while path and not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for folder in reversed(missing):
        os.mkdir(folder, mode)
        os.chmod(folder, mode)  # whatever the caller's umask is
        sync_folder(os.path.dirname(folder))
    return tuple(reversed(missing))


def sync_file(path: str) -> None:
    """fsync(2) a file."""
    with _descriptor(path, os.O_RDONLY) as fd:
        os.fsync(fd)


def sync_folder(path: str) -> None:
    """fsync(2) a folder. A file system that cannot (EINVAL, some network ones) is left at that."""
    with _descriptor(path or ".", os.O_RDONLY | os.O_DIRECTORY) as fd:
        try:
            os.fsync(fd)
        except OSError as e:
            if e.errno != errno.EINVAL:
                raise


@contextlib.contextmanager
def _descriptor(path: str, flags: int, mode: int = 0o600) -> Iterator[int]:
    fd = os.open(path, flags | os.O_CLOEXEC, mode)
    try:
        yield fd
    finally:
        os.close(fd)


def _write_new(path: str, content: bytes, mode: int) -> None:
    # A left-over may be a link that someone planted: never write through it.
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with _descriptor(path, flags, mode & 0o600) as fd:
        _write(fd, content)


def _write(fd: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]


def _take_after(path: str, model: str, given: Marks | None) -> None:
    """Give ``path`` its marks: the given ones, else those of ``model`` where that exists."""
    try:
        old = marks(model) if given is None else given
    except FileNotFoundError:
        return
    new = os.stat(path)
    if (old.uid, old.gid) != (new.st_uid, new.st_gid):
        os.chown(path, old.uid, old.gid)
    for name, value in old.attributes:
        os.setxattr(path, name, value)


def _attributes(path: str) -> list[str]:
    try:
        return os.listxattr(path)
    except OSError as e:
        if e.errno in (errno.ENOTSUP, errno.EPERM):  # vfat has none
            return []
        raise


def read_regular(path: str, limit: int) -> bytes:
    """A regular file's content, at most ``limit`` bytes. Never waits for a FIFO or a device.

    Raises OSError: EINVAL for anything but a regular file, EFBIG beyond the limit.
    """
    with _descriptor(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY) as fd:
        found = os.fstat(fd)
        if stat.S_ISDIR(found.st_mode):
            raise OSError(errno.EISDIR, "is a folder, not a file", path)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "is not a regular file", path)
        if found.st_size > limit:
            raise OSError(errno.EFBIG, f"has more than {limit} bytes", path)
        with os.fdopen(os.dup(fd), "rb") as file:
            return file.read(limit)
