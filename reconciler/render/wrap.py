"""Lines that fit, with what follows hanging under what began."""

from __future__ import annotations

import textwrap

WIDTH = 80


def wrap(text: str, first: str = "", rest: str | None = None, *, width: int = WIDTH) -> list[str]:
    """``text`` in lines of at most ``width`` columns: ``first`` begins the first one, ``rest``
    (default: as many blanks) the others. Words are broken only where nothing else helps."""
    follow = " " * len(first) if rest is None else rest
    lines: list[str] = []
    for number, part in enumerate(text.split("\n")):
        found = textwrap.wrap(
            part,
            width=width,
            initial_indent=follow if number else first,
            subsequent_indent=follow,
            break_on_hyphens=False,
            replace_whitespace=False,
        )
        lines += found or [follow.rstrip()]
    return lines
