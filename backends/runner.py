"""Where a program runs: this machine, or a chroot of a tree (programs.py starts it there)."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable

from specs.record import Record

SAFE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_CLONE_NEWNS = 0x00020000  # unshare(2)
_MS_RDONLY, _MS_REMOUNT = 0x1, 0x20  # mount(2)
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x40000


class Place(Record):
    """A place to run programs: its root, search path, and what the child does before exec."""

    root: str
    path: str
    enter: Callable[[], None] | None

    def find(self, program: str) -> str | None:
        """Absolute path (as seen inside the place) of a program, or None."""
        if program.startswith("/"):
            return program if self._runs(program) else None
        for folder in self.path.split(":"):
            candidate = f"{folder}/{program}"
            if folder.startswith("/") and self._runs(candidate):
                return candidate
        return None

    def _runs(self, path: str) -> bool:
        from backends.reader import TreeReader

        real = path if self.root == "/" else TreeReader(self.root).locate(path)
        return os.path.isfile(real) and os.access(real, os.X_OK)


def here() -> Place:
    """This machine. The caller's PATH counts, the usual folders follow it."""
    return Place("/", os.environ.get("PATH", "") + ":" + SAFE_PATH, None)


def chroot(root: str) -> Place:
    """A chroot of ``root`` in a mount namespace of the child's own, with proc and dev inside.

    What the tree holds in /proc or /dev (a recorded /proc/cmdline, say) is hidden from programs,
    not changed; the mounts are gone with the child.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    return Place(root, SAFE_PATH, lambda: _enter(libc, root))


def _enter(libc: ctypes.CDLL, root: str) -> None:
    if libc.unshare(_CLONE_NEWNS) == 0:
        _mount(libc, "none", "/", "", _MS_REC | _MS_PRIVATE)
        _provide_api_filesystems(libc, root)
    os.chroot(root)
    os.chdir("/")


def _provide_api_filesystems(libc: ctypes.CDLL, root: str) -> None:
    # grub-probe and update-initramfs need these three; an installer has them mounted already.
    if os.path.isdir(f"{root}/proc") and not os.path.islink(f"{root}/proc/self"):
        _mount(libc, "proc", f"{root}/proc", "proc", 0)
    # The few nodes of a bootstrapped tree are not enough: grub-probe looks for the disk below it.
    if os.path.isdir(f"{root}/dev") and not _is_mounted(root, f"{root}/dev"):
        _mount(libc, "/dev", f"{root}/dev", "", _MS_BIND | _MS_REC)
    if os.path.isdir(f"{root}/sys") and not os.listdir(f"{root}/sys"):
        # To look at, not to write: programs of the tree have nothing to set on this machine, in
        # its firmware (efivarfs, which is mounted below) least of all.
        _mount(libc, "/sys", f"{root}/sys", "", _MS_BIND)
        _mount(libc, "/sys", f"{root}/sys", "", _MS_BIND | _MS_REMOUNT | _MS_RDONLY)


def _is_mounted(root: str, folder: str) -> bool:
    return os.stat(folder).st_dev != os.stat(root).st_dev


def _mount(libc: ctypes.CDLL, source: str, target: str, kind: str, flags: int) -> None:
    if libc.mount(source.encode(), target.encode(), kind.encode(), flags, None):
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error), target)
