"""Who could have written a spec: what root applies, only root may have been able to write."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator

from reconciler.model import Finding, refuse

_ACL = "system.posix_acl_access"
_MAX_LINKS = 40  # path_resolution(7)


def findings(paths: Iterable[str]) -> Iterator[Finding]:
    """``spec-untrusted`` for every file that somebody other than root (or than whoever called
    sudo(8)) could change: itself, a folder on the way to it, or a link that leads to it."""
    trusted = {0, *_sudo_user()}
    for path in dict.fromkeys(os.path.abspath(p) for p in paths):
        for place in _places(path):
            why = _problem(place, trusted)
            if why:
                yield refuse(
                    "spec-untrusted",
                    path,
                    f"{place} {why}: root would do what others wrote",
                    f"chown -h root {place} && chmod go-w {place}",
                )
                break


def _sudo_user() -> set[int]:
    uid = os.environ.get("SUDO_UID", "")
    return {int(uid)} if uid.isdecimal() else set()


def _places(path: str, links: int = 0) -> Iterator[str]:
    """Everything that has a say in which file a path leads to. Who can replace a link can swap it
    between two looks, so the last one alone proves nothing."""
    place = "/"
    yield place
    for name in filter(None, path.split("/")):
        place = os.path.normpath(os.path.join(place, name))
        yield place
        if os.path.islink(place) and links < _MAX_LINKS:
            target = os.path.join(os.path.dirname(place), os.readlink(place))
            yield from _places(target, links + 1)
            place = os.path.realpath(place)


def _problem(path: str, trusted: set[int]) -> str:
    try:
        found = os.lstat(path)
        extra = _has_acl(path)
    except OSError:
        return ""  # whoever reads it next says so
    if found.st_uid not in trusted:
        return f"belongs to uid {found.st_uid}"
    if stat.S_ISLNK(found.st_mode):
        return ""  # its mode means nothing
    # In a sticky folder (/tmp) only the owner of a file can replace it.
    sticky = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX
    if found.st_mode & stat.S_IWOTH and not sticky:
        return "is writable by everyone"
    if found.st_mode & stat.S_IWGRP and not sticky:
        if extra:  # the group's bits are then the most that the list may give (acl(5))
            return "has an access control list that lets others write"
        if found.st_gid != 0:
            return f"is writable by group {found.st_gid}"
    return ""


def _has_acl(path: str) -> bool:
    try:
        return _ACL in os.listxattr(path, follow_symlinks=False)
    except OSError as e:
        if e.errno in (errno.ENOTSUP, errno.EPERM):
            return False
        raise
