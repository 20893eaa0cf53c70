"""What a shell file consists of: assignments, other effects on variables, and their words."""

from __future__ import annotations

import re
from typing import TypeAlias

from msgspec import Struct

from backends.formats.rawtext import Lines
from backends.formats.shell.words import Lit, Piece
from specs.record import Record

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Assign(Record):
    """``name=value``. ``start`` to ``end`` is the whole word; ``sure`` is False where a condition
    decides; ``elements`` are the words of a bash array; ``append`` stands for ``+=``."""

    name: str
    append: bool
    value: tuple[Piece, ...]
    start: int
    value_start: int
    end: int
    line: int
    sure: bool
    elements: tuple[tuple[Piece, ...], ...] | None = None


class Effect(Record):
    """Something else that may change the variables ``names`` (None: any of them).

    ``fails`` says that a POSIX sh stops at this line or runs something nobody meant.
    """

    line: int
    reason: str
    names: frozenset[str] | None
    fails: bool = False


Statement: TypeAlias = Assign | Effect


class Script(Record):
    """What was read. ``stop`` is where reading ended, None if all was understood. ``known`` are
    the spans of comments and of sure assignments: names elsewhere are used in unknown ways."""

    raw: str
    statements: tuple[Statement, ...]
    stop: Effect | None
    known: tuple[tuple[int, int], ...]
    lines: Lines


class Word(Struct):
    """One word with its place; ``elements`` if it is a bash array."""

    pieces: tuple[Piece, ...]
    start: int
    end: int
    elements: tuple[tuple[Piece, ...], ...] | None = None


def splits(value: tuple[Piece, ...]) -> bool:
    """Whether export, which is a command to some shells, would split or expand the value."""
    return any(
        not piece.quote and (not isinstance(piece, Lit) or any(c in piece.text for c in "*?["))
        for piece in value
    )


def appends(one: Word) -> bool:
    """Whether the word is an assignment with ``+=``."""
    parts = assignment(one)
    return parts is not None and parts[1]


def assignment(one: Word) -> tuple[str, bool, tuple[Piece, ...], int] | None:
    """Name, whether ``+=``, value and the value's offset, if the word is an assignment."""
    name = ""
    for index, piece in enumerate(one.pieces):
        if not isinstance(piece, Lit) or piece.quote or not (piece.exact or not piece.text):
            return None
        equals = piece.text.find("=")
        name += piece.text[:equals] if equals >= 0 else piece.text
        if equals < 0:
            continue
        append = name.endswith("+")
        if not NAME.fullmatch(name[:-1] if append else name):
            return None
        offset = piece.start + equals + 1
        first = Lit(piece.text[equals + 1 :], offset, piece.end, "")
        value = (*([first] if first.text else []), *one.pieces[index + 1 :])
        return name.rstrip("+"), append, value, offset
    return None
