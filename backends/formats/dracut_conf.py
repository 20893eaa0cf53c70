"""dracut.conf files: sourced by bash, lists grow with ``+=`` (dracut.conf(5)).

A list is words with a space at both ends, since pieces are glued together as they come.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from backends.formats.shell.assign import Value, evaluate
from specs.errors import ReconcileError

_DRIVER = re.compile(r"[a-z0-9_]+")


class DracutConfError(ReconcileError):
    """A name that cannot stand in a dracut.conf list."""


def dracut_value(texts: Sequence[str], name: str) -> Value:
    """The value after dracut has sourced the files in this order (file name order)."""
    return evaluate(texts, name, bash=True)


def dracut_list(texts: Sequence[str], name: str) -> tuple[str, ...] | None:
    """The words of a list such as ``force_drivers``; None where only bash could tell."""
    value = dracut_value(texts, name).text
    return None if value is None else tuple(value.split())


def render_dracut_conf(comments: Sequence[str], drivers: Sequence[str]) -> str:
    """Our own file: the drivers are in the image and loaded before udev starts.

    dracut 106 turns only the first ``-`` of a name into ``_``, so names are written with ``_``.
    Raises DracutConfError for what is no driver's name.
    """
    names = [driver.replace("-", "_") for driver in drivers]
    for wrong in [name for name in names if not _DRIVER.fullmatch(name)]:
        raise DracutConfError(f"{wrong!r} is not the name of a driver")
    lines = [f"# {' '.join(comment.split())}" for comment in comments]
    return "".join(f"{line}\n" for line in [*lines, f'force_drivers+=" {" ".join(names)} "'])
