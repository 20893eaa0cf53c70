"""Who could have written a spec: what root applies, only root may have been able to write."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator

from reconciler.model import Finding, refuse


def findings(paths: Iterable[str]) -> Iterator[Finding]:
    """``spec-untrusted`` for every file that somebody other than root (or than whoever called
    sudo(8)) could change, itself or by replacing a folder above it."""
    trusted = {0, *_sudo_user()}
    for path in dict.fromkeys(os.path.realpath(p) for p in paths):
        for place in _places(path):
            why = _problem(place, trusted)
            if why:
                yield refuse(
                    "spec-untrusted",
                    path,
                    f"{place} {why}: root would do what others wrote",
                    f"chown root {place} && chmod go-w {place}",
                )
                break


def _sudo_user() -> set[int]:
    uid = os.environ.get("SUDO_UID", "")
    return {int(uid)} if uid.isdecimal() else set()


def _places(path: str) -> Iterator[str]:
    yield path
    while path != "/":
        path = os.path.dirname(path)
        yield path


def _problem(path: str, trusted: set[int]) -> str:
    try:
        found = os.stat(path)
    except OSError:
        return ""  # whoever reads it next says so
    if found.st_uid not in trusted:
        return f"belongs to uid {found.st_uid}"
    # In a sticky folder (/tmp) only the owner of a file can replace it.
    sticky = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX
    if found.st_mode & stat.S_IWOTH and not sticky:
        return "is writable by everyone"
    if found.st_mode & stat.S_IWGRP and found.st_gid != 0 and not sticky:
        return f"is writable by group {found.st_gid}"
    return ""
