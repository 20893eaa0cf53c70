"""Edits of a command line that a file holds in several stretches (lines), read joined by spaces."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate

from backends.formats import cmdline

Span = tuple[int, int]


def joined_text(raw: str, spans: Sequence[Span]) -> str:
    """The command line."""
    return " ".join(raw[a:b] for a, b in spans)


def edit_joined(raw: str, spans: Sequence[Span], remove: Sequence[str], add: Sequence[str]) -> str:
    """``raw`` (one character per byte) with the words of the joined line edited where they stand.

    ``spans`` must not be empty. A stretch that loses its words stays, empty. Raises CmdlineError.
    """
    starts = list(accumulate((b - a + 1 for a, b in spans), initial=0))
    edits: list[cmdline.Splice] = []
    for start, end, new in cmdline.splices(joined_text(raw, spans), remove, add):
        first = max(bisect_left(starts, start) - 1, 0) if start == end else None
        if first is None:
            first = bisect_right(starts, start) - 1
        for index in range(first, max(bisect_left(starts, end), first + 1)):
            a, b = spans[index]
            low = a + max(start - starts[index], 0)
            high = min(a + end - starts[index], b)
            if (
                start < starts[index] and high > a
            ):  # the gap before was the line's end: take the one behind
                high = _behind_blanks(raw, high, b)
            edits.append((min(low, b), high, new if index == first else ""))
    return cmdline.spliced(raw, edits)


def _behind_blanks(raw: str, at: int, limit: int) -> int:
    while at < limit and raw[at] in " \t":
        at += 1
    return at
