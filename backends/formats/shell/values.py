"""The values that shell files leave in their variables, with where each letter comes from.

Values share their parts (a variable that refers to another holds a reference), so a file of a
hundred thousand ``X="$X a"`` lines stays linear; only the value that is asked for is written out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from backends.formats.shell.statements import Assign, Effect, Script
from backends.formats.shell.words import Lit, Piece, Var, walk
from specs.record import Record

LIMIT = 1 << 20
"""Values of more letters or parts than this are not written out."""

INHERITED = frozenset({
    "HOME", "PATH", "PWD", "OLDPWD", "USER", "LOGNAME", "SHELL", "TERM", "IFS", "LANG", "LANGUAGE",
    "LC_ALL", "LC_MESSAGES", "LINENO", "MAIL", "OPTIND", "PPID", "PS1", "PS2", "PS4", "TMPDIR",
    "HOSTNAME", "UID", "EUID", "RANDOM", "SECONDS",
})  # fmt: skip
"""Variables a shell has without any file assigning them: unknown, not empty."""


class Text(Record):
    """Known text. ``owner`` is the assignment it stands in, None for text from outside."""

    text: str
    start: int
    end: int
    quote: str
    owner: Assign | None
    script: int


class Unknown(Record):
    """Text that cannot be told. ``key`` is equal for equal unknowns."""

    reason: str
    key: tuple[object, ...]


class Ref(Record):
    """The whole value of another node."""

    node: Node


Atom: TypeAlias = "Text | Unknown | Ref"


class Node(Record, eq=False):
    """One value. ``empty`` is None where unknown; ``size`` counts letters and parts (capped).
    ``tops`` are the parts of the assignment's word that the atoms stand for."""

    atoms: tuple[Atom, ...]
    tops: tuple[Piece | None, ...]
    empty: bool | None
    size: int
    is_set: bool | None = True


class Run(Record):
    """A stretch of a written-out value, and the part of the outermost word that it is in."""

    atom: Text | Unknown
    top: Piece | None


def make_node(
    atoms: Sequence[Atom], tops: Sequence[Piece | None] = (), is_set: bool | None = True
) -> Node:
    """A node with its emptiness and size worked out from its direct parts."""
    states = [_empty(atom) for atom in atoms]
    empty = False if False in states else (None if None in states else True)
    size = min(LIMIT + 1, 1 + sum(_size(atom) for atom in atoms))
    return Node(tuple(atoms), tuple(tops) or (None,) * len(atoms), empty, size, is_set)


def _empty(atom: Atom) -> bool | None:
    if isinstance(atom, Text):
        return not atom.text
    return atom.node.empty if isinstance(atom, Ref) else None


def _size(atom: Atom) -> int:
    return (
        atom.node.size
        if isinstance(atom, Ref)
        else 1 + (len(atom.text) if isinstance(atom, Text) else 0)
    )


def flatten(node: Node) -> list[Run]:
    """The value written out; one Unknown if it is longer than ``LIMIT``."""
    if node.size > LIMIT:
        return [Run(Unknown("the value is too long", ("long",)), None)]
    out: list[Run] = []
    stack: list[tuple[Atom, Piece | None]] = list(
        zip(reversed(node.atoms), reversed(node.tops), strict=True)
    )
    while stack:
        atom, top = stack.pop()
        if isinstance(atom, Ref):
            stack += [(inner, top) for inner in reversed(atom.node.atoms)]
        else:
            out.append(Run(atom, top))
    return out


class Variables:
    """The variables of a shell that reads files one after the other.

    ``known`` are those it starts with. What nobody assigned is empty, unless it is in
    ``INHERITED``; with ``unset_unknown`` it is unknown, for it may come from outside. ``files``
    counts the files that were read.
    """

    def __init__(self, known: Mapping[str, str], *, unset_unknown: bool = False) -> None:
        self._unset_unknown = unset_unknown
        self._floor: Unknown | None = None
        self.files = 0
        self._nodes = {name: make_node([Text(t, 0, 0, "", None, -1)]) for name, t in known.items()}

    def read(self, script: Script) -> None:
        """Do what the file does."""
        for index, statement in enumerate(script.statements):
            key = (self.files, index)
            if isinstance(statement, Assign):
                self._assign(script, statement, key)
            else:
                self._effect(statement, key)
        self.files += 1

    def names(self) -> Iterable[str]:
        """All variables that were assigned, in order."""
        return tuple(self._nodes)

    def get(self, name: str) -> Node:
        """The present value."""
        if name in self._nodes:
            return self._nodes[name]
        if self._floor is not None:
            return make_node([self._floor], is_set=None)
        if name in INHERITED or self._unset_unknown:
            unknown = Unknown(f"${name} is not set in these files", ("unset", name))
            return make_node([unknown], is_set=None)
        return make_node([], is_set=False)

    def _assign(self, script: Script, one: Assign, key: tuple[int, int]) -> None:
        assigns = any(isinstance(p, Var) and "=" in p.op for p in walk(one.value))
        if one.sure and one.elements is None and not assigns:
            atoms, tops = self._atoms(script, one.value, one, key)
            before = [Ref(self.get(one.name))] if one.append else []
            self._nodes[one.name] = make_node([*before, *atoms], [*([None] * len(before)), *tops])
            return
        why = "is an array" if one.elements is not None else "depends on a condition"
        reason = f"line {one.line}: {one.name} {why}"
        self._nodes[one.name] = make_node([Unknown(reason, key)], is_set=None)

    def _effect(self, effect: Effect, key: tuple[int, int]) -> None:
        unknown = Unknown(f"line {effect.line}: {effect.reason}", key)
        if effect.names is None:
            self._floor = unknown
            self._nodes.clear()
        for name in effect.names or ():
            self._nodes[name] = make_node([unknown], is_set=None)

    def _atoms(
        self, script: Script, pieces: Sequence[Piece], owner: Assign, key: tuple[int, int]
    ) -> tuple[list[Atom], list[Piece]]:
        atoms: list[Atom] = []
        tops: list[Piece] = []
        tilde_at = True
        for number, piece in enumerate(pieces):
            new = self._piece(script, piece, owner, (*key, number), tilde_at)
            atoms += new
            tops += [piece] * len(new)
            tilde_at = (
                isinstance(piece, Lit) and not piece.quote and piece.text.endswith((":", "="))
            )
        return atoms, tops

    def _piece(
        self, script: Script, piece: Piece, owner: Assign, key: tuple[int, ...], tilde_at: bool
    ) -> list[Atom]:
        line = script.lines.number(piece.start)
        if isinstance(piece, Lit):
            if not piece.quote and piece.exact and _has_tilde(piece.text, tilde_at):
                return [Unknown(f"line {line}: ~ is a home directory", key)]
            return [Text(piece.text, piece.start, piece.end, piece.quote, owner, self.files)]
        if isinstance(piece, Var):
            return self._expand(script, piece, owner, key)
        return [Unknown(f"line {line}: {piece.reason}", key)]

    def _expand(
        self, script: Script, piece: Var, owner: Assign, key: tuple[int, ...]
    ) -> list[Atom]:
        node = self.get(piece.name)
        line = script.lines.number(piece.start)
        if not piece.op:
            return [Ref(node)]
        gone = node.empty if ":" in piece.op else (None if node.is_set is None else not node.is_set)
        if gone is None:
            reason = f"line {line}: it is not known whether ${piece.name} is empty"
            return [Unknown(reason, (*key, piece.name))]
        if "?" in piece.op and gone:
            return [Unknown(f"line {line}: the shell stops, ${piece.name} is empty", key)]
        if gone == ("+" in piece.op):
            return [] if gone else [Ref(node)]
        atoms: list[Atom] = []
        for number, inner in enumerate(piece.word):
            atoms += self._piece(script, inner, owner, (*key, number), True)
        # Text of a word that a condition chose is never edited in place.
        return [
            Text(a.text, a.start, a.end, a.quote, None, a.script) if isinstance(a, Text) else a
            for a in atoms
        ]


def _has_tilde(text: str, at_start: bool) -> bool:
    return (at_start and text.startswith("~")) or ":~" in text or "=~" in text
