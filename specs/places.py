"""Where in a TOML text a path stands. Slow (a second parser), so used only to place an error."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

from specs.paths import Loc
from specs.record import Record

if TYPE_CHECKING:
    from tree_sitter import Node

_NESTED = ("array", "inline_table", "dotted_key")
_KEYS = ("bare_key", "quoted_key", "dotted_key")


class Place(Record):
    """Rows and columns as tree-sitter counts them (from 0, in bytes) of the key or header, and of
    the value."""

    key: tuple[int, int]
    value: tuple[int, int]


def _tree(raw: bytes) -> Node:
    import tree_sitter
    import tree_sitter_toml

    language = tree_sitter.Language(tree_sitter_toml.language())
    return tree_sitter.Parser(language).parse(raw).root_node


def first_nested(raw: bytes, deepest: int) -> tuple[int, int] | None:
    """Line and column where arrays, inline tables and dotted keys go deeper than ``deepest``."""
    lines = raw.split(b"\n")
    cursor = _tree(raw).walk()
    depth = 0
    while True:
        node = cursor.node
        if node is not None and node.type in _NESTED:
            depth += 1
            if depth > deepest:
                return _for_people(lines, node.start_point)
        if cursor.goto_first_child():
            continue
        while True:
            if cursor.node is not None and cursor.node.type in _NESTED:
                depth -= 1
            if cursor.goto_next_sibling():
                break
            if not cursor.goto_parent():
                return None


@lru_cache(maxsize=4)
def _places(raw: bytes) -> Places:
    """The places of a text; a few are kept, as errors come many to a file."""
    return Places(raw)


def locate(raw: bytes, loc: Loc, *, at_key: bool) -> tuple[int, int]:
    """Line and column of ``loc`` in ``raw``, of its key or its value, or of what holds it."""
    places = _places(raw)
    place, exact = places.find(loc)
    if place is None:
        return 1, 1
    return _for_people(places.lines, place.key if at_key or not exact else place.value)


def _for_people(lines: list[bytes], point: tuple[int, int]) -> tuple[int, int]:
    """Line and column from 1, in characters."""
    row, column = point
    return row + 1, len(lines[row][:column].decode("utf-8", "replace")) + 1


class Places:
    """The places of everything in one text, by its path from the top of the file."""

    def __init__(self, raw: bytes) -> None:
        self.lines = raw.split(b"\n")
        self._places: dict[Loc, Place] = {}
        self._tables: Counter[Loc] = Counter()
        for node in _tree(raw).named_children:
            if node.type == "pair":
                self._pair((), node)
            elif node.type in ("table", "table_array_element"):
                self._table(node)

    def find(self, loc: Loc) -> tuple[Place | None, bool]:
        """The place of ``loc`` or of what is nearest above it, and whether it is ``loc`` itself."""
        for length in range(len(loc), 0, -1):
            if loc[:length] in self._places:
                return self._places[loc[:length]], length == len(loc)
        return None, False

    def _table(self, node: Node) -> None:
        """``[a.b]`` and ``[[a.b]]``; a header goes through the last element of each array."""
        header = next((child for child in node.named_children if child.type in _KEYS), None)
        if header is None:
            return
        keys = _keys(header)
        loc: Loc = ()
        for key in keys[:-1]:
            loc = self._last((*loc, key))
        loc = (*loc, keys[-1])
        position = node.start_point
        self._places.setdefault(loc, Place(position, position))
        if node.type == "table_array_element":
            self._tables[loc] += 1
            loc = (*loc, self._tables[loc] - 1)
            self._places[loc] = Place(position, position)
        for child in node.named_children:
            if child.type == "pair":
                self._pair(loc, child)

    def _last(self, loc: Loc) -> Loc:
        return (*loc, self._tables[loc] - 1) if loc in self._tables else loc

    def _pair(self, table: Loc, pair: Node) -> None:
        """``a.b = value``: a place for a, for a.b, and for what is inside the value."""
        children = [child for child in pair.named_children if child.type != "comment"]
        if len(children) != 2 or children[0].type not in _KEYS:
            return
        key, value = children
        here, there = key.start_point, value.start_point
        loc = table
        for part in _keys(key):
            loc = (*loc, part)
            self._places.setdefault(loc, Place(here, there))
        self._inside(loc, value)

    def _inside(self, loc: Loc, value: Node) -> None:
        if value.type == "inline_table":
            for child in value.named_children:
                if child.type == "pair":
                    self._pair(loc, child)
        elif value.type == "array":
            items = (child for child in value.named_children if child.type != "comment")
            for index, item in enumerate(items):
                position = item.start_point
                below = (*loc, index)
                self._places[below] = Place(position, position)
                self._inside(below, item)


def _keys(node: Node) -> list[str]:
    """The parts of a key; quoted ones without their quotes."""
    if node.type == "dotted_key":
        return [part for child in node.named_children for part in _keys(child)]
    text = (node.text or b"").decode("utf-8", "replace")
    if node.type != "quoted_key":
        return [text]
    import tomli

    try:
        return list(tomli.loads(f"{text} = 0"))
    except tomli.TOMLDecodeError:
        return [text.strip("\"'")]
