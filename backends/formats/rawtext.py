"""Text with one character per byte, for parsers of programs that read bytes."""

from __future__ import annotations

from bisect import bisect_right


def to_raw(text: str) -> str:
    """UTF-8 text with surrogateescape as one character (0-255) per byte."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("latin-1")


def from_raw(raw: str) -> str:
    """The inverse of ``to_raw``."""
    return raw if raw.isascii() else raw.encode("latin-1").decode("utf-8", "surrogateescape")


class Lines:
    """Line numbers (from 1) of offsets in one text."""

    def __init__(self, text: str) -> None:
        self._ends = [i for i, c in enumerate(text) if c == "\n"]

    def number(self, offset: int) -> int:
        """The line that the character at ``offset`` is on."""
        return bisect_right(self._ends, offset - 1) + 1 if offset else 1
