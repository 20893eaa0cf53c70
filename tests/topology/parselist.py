"""What the kernel makes of a CPU list, step by step as lib/bitmap-str.c documents it."""

from __future__ import annotations

_BLANK = " \t\n\v\f\r"


class Rejected(Exception):
    """The kernel answers the whole list with an error (EINVAL, ERANGE or EOVERFLOW)."""


def parselist(text: str, bits: int) -> frozenset[int]:
    """The bits that a list sets in a map of ``bits`` bits; one bad region spoils all of it."""
    text = text.partition("\n")[0]  # a newline ends the string for the kernel
    found: set[int] = set()
    at = 0
    while True:
        while at < len(text) and text[at] in _BLANK + ",":
            at += 1
        if at >= len(text):
            return frozenset(found)
        at, region = _region(text, at, bits)
        found |= region


def _region(text: str, at: int, bits: int) -> tuple[int, set[int]]:
    if text[at : at + 3].lower() == "all":
        at, start, end = at + 3, 0, bits - 1
    else:
        at, start = _number(text, at, bits)
        if _ends(text, at):
            return at, _bits(start, start, start + 1, start + 1, bits)
        at = _expect(text, at, "-")
        at, end = _number(text, at, bits)
    if _ends(text, at):
        return at, _bits(start, end, end + 1, end + 1, bits)
    at = _expect(text, at, ":")
    at, used = _number(text, at, bits)
    at = _expect(text, at, "/")
    at, group = _number(text, at, bits)
    return at, _bits(start, end, used, group, bits)


def _bits(start: int, end: int, used: int, group: int, bits: int) -> set[int]:
    if start > end or group == 0 or used > group or end >= bits:
        raise Rejected
    return {bit for bit in range(start, end + 1) if (bit - start) % group < used}


def _number(text: str, at: int, bits: int) -> tuple[int, int]:
    if text[at : at + 1] == "N":
        return at + 1, bits - 1
    stop = at
    while stop < len(text) and text[stop] in "0123456789":
        stop += 1
    if stop == at or int(text[at:stop]) >= 2**32:
        raise Rejected
    return stop, int(text[at:stop])


def _ends(text: str, at: int) -> bool:
    return at >= len(text) or text[at] in _BLANK + ","


def _expect(text: str, at: int, mark: str) -> int:
    if text[at : at + 1] != mark:
        raise Rejected
    return at + 1
