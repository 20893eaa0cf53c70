"""Colour for terminals, and nothing for pipes."""

from __future__ import annotations

import os
import shutil
from typing import IO

from specs.record import Record

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


class Style(Record):
    """Wraps text in SGR codes (ECMA-48) when ``colour`` is on."""

    colour: bool = False

    def paint(self, text: str, *looks: str) -> str:
        """``text`` in these looks (bold, dim, red, green, yellow, cyan)."""
        if not (self.colour and text):
            return text
        codes = ";".join(_CODES[look] for look in looks)
        return f"\x1b[{codes}m{text}\x1b[0m"


def for_stream(stream: IO[str], *, no_colour: bool) -> Style:
    """Colour on a terminal unless the user said no (NO_COLOR, no-color.org; TERM=dumb)."""
    wanted = not no_colour and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Style(wanted and stream.isatty())


def columns(stream: IO[str]) -> int:
    """80 columns in a pipe; on a terminal what it has, as far as that reads well."""
    if not stream.isatty():
        return 80
    return min(max(shutil.get_terminal_size().columns, 40), 100)


def clean(text: str) -> str:
    """Untrusted text made harmless for a terminal: control characters and escapes are shown."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)
