"""The commit that a spec file was checked out from, read from the work tree's own files.

git itself is not started: as root in a folder of somebody else it would run what that folder's
configuration says (git-config(1), core.fsmonitor).
"""

from __future__ import annotations

import os
import re

from backends.files import read_regular

_HASH = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_REF = re.compile(r"refs/[A-Za-z0-9._/-]+")


def commit_of(path: str) -> str | None:
    """HEAD of the work tree around ``path``, or None (gitrepository-layout(5))."""
    folder = os.path.dirname(os.path.abspath(path))
    while not os.path.exists(os.path.join(folder, ".git")):
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent
    git = _repository(folder)
    head = _line(os.path.join(git, "HEAD"))
    if not head.startswith("ref: "):
        return head if _HASH.fullmatch(head) else None
    ref = head[5:].strip()
    if not _REF.fullmatch(ref) or ".." in ref:
        return None
    shared = os.path.join(git, _line(os.path.join(git, "commondir")))
    loose = _line(os.path.join(shared, ref))
    return loose if _HASH.fullmatch(loose) else _packed(shared, ref)


def _repository(folder: str) -> str:
    """The folder of a work tree's HEAD: .git, or what the file of that name leads to, in a linked
    work tree (git-worktree(1)) or a submodule."""
    git = os.path.join(folder, ".git")
    link = "" if os.path.isdir(git) else _line(git)
    return os.path.join(folder, link[8:].strip()) if link.startswith("gitdir: ") else git


def _packed(git: str, ref: str) -> str | None:
    for line in _text(os.path.join(git, "packed-refs")).splitlines():
        value, _, name = line.partition(" ")
        if name == ref and _HASH.fullmatch(value):
            return value
    return None


def _line(path: str) -> str:
    return _text(path).strip()


def _text(path: str) -> str:
    try:
        return read_regular(path, 8 << 20).decode("utf-8", "replace")
    except OSError:
        return ""
