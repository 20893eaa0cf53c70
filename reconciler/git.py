"""The commit that a spec file was checked out from, and whether it was changed since.

The commit is read from the work tree's own files. What was changed only git can tell: it is
started once for a run that is recorded, never for a plan.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import PurePath

from backends.files import read_regular
from backends.host import Host
from backends.runner import here
from backends.steps import StepError
from specs.record import Record

_HASH = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_REF = re.compile(r"refs/[A-Za-z0-9._/-]+")
_TIMEOUT = 20.0  # seconds
# A hook that starts us has set these for its own repository; with GIT_DIR set git would not even
# ask whose folder it is (git-rev-parse(1), --local-env-vars; git-config(1), safe.directory).
_OF_A_HOOK = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_PREFIX",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
)
# Under sudo git would obey the configuration of whoever called it, whose filters are programs.
_UNSET = (*_OF_A_HOOK, "SUDO_UID")
_ENV = ("env", *(word for name in _UNSET for word in ("-u", name)), "GIT_NO_LAZY_FETCH=1")
# No index is written, no pattern is read into a file name, nobody's monitor is started.
_GIT = ("git", "--no-optional-locks", "--literal-pathspecs", "-c", "core.fsmonitor=false")
_STATUS = ("status", "--porcelain", "--ignored", "--untracked-files=all", "--ignore-submodules=all")


class Version(Record):
    """``digest`` is that of the spec. ``commit`` is HEAD of the work tree around it; None: it is in
    none. ``uncommitted``: files of the spec in that work tree are not what they are in that commit;
    None: not known."""

    digest: str
    commit: str | None = None
    uncommitted: bool | None = None

    @property
    def facts(self) -> dict[str, str | bool | None]:
        """What the journal keeps of it."""
        return {"digest": self.digest, "commit": self.commit, "uncommitted": self.uncommitted}


def version_of(host: Host, path: str, digest: str, files: Iterable[str]) -> Version:
    """The version of the spec at ``path``; ``files`` are all those that it was read from."""
    commit = commit_of(path)
    return Version(digest, commit, _uncommitted(host, path, files) if commit else None)


def _uncommitted(host: Host, path: str, files: Iterable[str]) -> bool | None:
    """What git says, where there is one. Since 2.35.2 it refuses a folder that is not this user's,
    whose configuration it would obey (git-config(1), safe.directory)."""
    top = os.path.realpath(_work_tree(path) or "/")
    names = dict.fromkeys(name for file in files for name in _names(file, top))
    argv = (*_ENV, *_GIT, "-C", top, *_STATUS, "--", *names)
    if not names:
        return None
    try:
        done = host.run(argv, _TIMEOUT, here())
    except StepError:
        return None
    return bool(done.out) if done is not None and done.rc == 0 else None


def _names(file: str, top: str) -> Iterator[str]:
    """A file and, if it is a link, what that leads to, as far as they are in the work tree."""
    folder, name = os.path.split(os.path.abspath(file))
    for path in (os.path.join(os.path.realpath(folder), name), os.path.realpath(file)):
        if os.path.lexists(path) and PurePath(top) in PurePath(path).parents:
            yield os.path.relpath(path, top)


def _work_tree(path: str) -> str | None:
    """The top folder of the work tree around a file."""
    folder = os.path.dirname(os.path.abspath(path))
    while not os.path.exists(os.path.join(folder, ".git")):
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent
    return folder


def commit_of(path: str) -> str | None:
    """HEAD of the work tree around ``path``, or None (gitrepository-layout(5))."""
    folder = _work_tree(path)
    if folder is None:
        return None
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
