"""Everything that undo must give back: content, mode, owner, times no, xattrs yes."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

# Not configuration: what programs leave for themselves, and what the kernel shows.
_LEFT_OUT = ("proc", "sys", "dev", "run", "tmp", "var/tmp", "var/log", "var/lib/reconcile", "usr")


def snapshot(root: Path) -> dict[str, str]:
    """Host path → what is there. Of what holds an initramfs, which is made anew, only that it is
    there."""
    return {f"/{path}": _entry(root, path) for path in sorted(_paths(root))}


def _paths(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        here = os.path.relpath(folder, root)
        base = "" if here == "." else f"{here}/"
        folders[:] = [f for f in folders if f"{base}{f}" not in _LEFT_OUT]
        yield from (f"{base}{name}" for name in (*folders, *files))


def _entry(root: Path, path: str) -> str:
    full = root / path
    found = os.lstat(full)
    words = [f"{found.st_mode:o}", f"{found.st_uid}:{found.st_gid}"]
    if stat.S_ISLNK(found.st_mode):
        return " ".join([*words, os.readlink(full)])
    words += [f"{n}={os.getxattr(full, n)!r}" for n in sorted(os.listxattr(full))]
    holds_initramfs = path.startswith("boot/") and ("initrd.img-" in path or "/EFI/Linux/" in path)
    if stat.S_ISREG(found.st_mode) and not holds_initramfs:
        words.append(hashlib.sha256(full.read_bytes()).hexdigest())
    return " ".join(words)
