"""mkinitcpio.conf: arrays (or strings, in older files) that bash sources (mkinitcpio.conf(5)).

Order means something: modules are loaded in the order of MODULES, so ours come first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from backends.formats import cmdline
from backends.formats.rawtext import from_raw, to_raw
from backends.formats.shell.assign import ShellAssignError
from backends.formats.shell.script import parse
from backends.formats.shell.statements import Assign, Effect, Script
from backends.formats.shell.words import Lit, literal_text
from specs.record import Record

_WORD = re.compile(r"[^ \t\n]+")
_NAME = re.compile(r"[A-Za-z0-9_.+@-]+")


class _Word(Record):
    text: str
    start: int
    end: int


def array_words(texts: Sequence[str], name: str) -> tuple[str, ...] | None:
    """The words after bash has sourced the files in order; empty if nothing assigns the array,
    None where only bash could tell."""
    words: tuple[str, ...] | None = ()
    array = False  # a string assigned to an array only replaces its first word
    for text in texts:
        for statement in parse(to_raw(text), bash=True).statements:
            if isinstance(statement, Effect):
                if statement.names is None or name in statement.names:
                    words = None
            elif statement.name == name:
                array |= statement.elements is not None
                words = None if array and statement.elements is None else _after(words, statement)
    return None if words is None else tuple(from_raw(word) for word in words)


def edit_array(text: str, name: str, remove: Sequence[str], first: Sequence[str]) -> str:
    """The file with ``first`` at the front of the array and without ``remove``; words of
    ``first`` that are there already stay where they are.

    The last assignment is edited (where ``+=`` adds to it: the one it adds to), every other byte
    stays. Raises ShellAssignError, naming the line, where it is missing or not plain.
    """
    for wrong in [word for word in first if not _NAME.fullmatch(word)]:
        raise ShellAssignError(f"{wrong!r} is not the name of a module or hook")
    raw = to_raw(text)
    chain = _chain(parse(raw, bash=True), name)
    inside = {one.start: _words(one) for one in chain}
    there = [word.text for words in inside.values() for word in words]
    out = {word for word in remove if word not in first}
    new = [word for word in dict.fromkeys(first) if word not in there]
    edits = [edit for words in inside.values() for edit in _removals(raw, words, out)]
    if new:
        at, empty = _front(chain[0], inside[chain[0].start], out)
        edits.append((at, at, " ".join(new) + ("" if empty else " ")))
    return from_raw(cmdline.spliced(raw, sorted(edits)))


def _after(words: tuple[str, ...] | None, one: Assign) -> tuple[str, ...] | None:
    glued = one.append and one.elements is None
    if not one.sure or glued or (words is None and one.append):
        return None
    try:
        new = tuple(word.text for word in _words(one))
    except ShellAssignError:
        return None
    return (*(words or ()), *new) if one.append else new


def _chain(script: Script, name: str) -> list[Assign]:
    """The last plain assignment and those that add to it."""
    if script.stop is not None:
        raise ShellAssignError(f"line {script.stop.line}: {script.stop.reason}")
    chain: list[Assign] = []
    for statement in script.statements:
        if isinstance(statement, Effect):
            if statement.names is None or name in statement.names:
                chain = []
        elif statement.name == name:
            if not statement.sure:
                raise ShellAssignError(f"line {statement.line}: {name} depends on a condition")
            if statement.elements is None and (statement.append or _has_array(chain)):
                raise ShellAssignError(f"line {statement.line}: {name} is text glued to others")
            chain = [*chain, statement] if statement.append and chain else [statement]
    if not chain or chain[0].append:
        raise ShellAssignError(f"no assignment in this file surely decides {name}")
    return chain


def _has_array(chain: Sequence[Assign]) -> bool:
    return any(one.elements is not None for one in chain)


def _words(one: Assign) -> list[_Word]:
    """The words of one assignment with their places."""
    if one.elements is not None:
        out = []
        for pieces in one.elements:
            text = literal_text(pieces)
            if text is None or not pieces:
                raise ShellAssignError(f"line {one.line}: {one.name} is not plain")
            start = pieces[0].start - bool(pieces[0].quote)
            out.append(_Word(text, start, pieces[-1].end + bool(pieces[-1].quote)))
        return out
    if not one.value:
        return []
    piece = one.value[0]
    if len(one.value) > 1 or not isinstance(piece, Lit) or not piece.exact:
        raise ShellAssignError(f"line {one.line}: {one.name} is not plain")
    return [
        _Word(found.group(), piece.start + found.start(), piece.start + found.end())
        for found in _WORD.finditer(piece.text)
    ]


def _removals(raw: str, words: list[_Word], out: set[str]) -> list[cmdline.Splice]:
    """Each removed word goes with the blanks behind it, the last one with those before it."""
    edits: list[cmdline.Splice] = []
    for index, word in enumerate(words):
        if word.text not in out:
            continue
        if index + 1 < len(words) and "#" not in raw[word.end : words[index + 1].start]:
            edits.append((word.start, words[index + 1].start, ""))
            continue
        kept = [w for w in words[:index] if w.text not in out]
        start = words[index - 1].end if kept and words[index - 1] is kept[-1] else word.start
        start = start if "#" not in raw[start : word.start] else word.start
        edits.append((start, word.end, ""))
    return edits


def _front(one: Assign, words: list[_Word], out: set[str]) -> tuple[int, bool]:
    """Where new words go, and whether nothing stands behind them."""
    if one.elements is None and not (one.value and one.value[0].quote):
        raise ShellAssignError(f"line {one.line}: {one.name} has no brackets and no quotes")
    if words:
        return words[0].start, all(word.text in out for word in words)
    return (one.value_start + 1 if one.elements is not None else one.value[0].start), True
