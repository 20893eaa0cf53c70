"""Merging the files of ``extends`` into one spec, remembering where each part came from."""

from __future__ import annotations

from typing import Any

from specs.paths import Loc
from specs.source import Source

NAMED = ("device", "sriov", "vm")
"""Arrays of tables whose entries are merged by their ``name``; other arrays are replaced."""


class Merged:
    """The merged data, and for each path the file and the path in it."""

    def __init__(self, sources: list[Source]) -> None:
        self.sources = sources
        self.data: dict[str, Any] = {}
        self._origins: dict[Loc, tuple[int, Loc]] = {}
        for number, source in enumerate(sources):
            self.data.pop("extends", None)
            self._table(self.data, source.data, (), (number, ()))

    def origin(self, loc: Loc) -> tuple[Source, Loc]:
        """The file that says what stands at ``loc``, and the path there."""
        for length in range(len(loc), 0, -1):
            if loc[:length] in self._origins:
                number, start = self._origins[loc[:length]]
                return self.sources[number], (*start, *loc[length:])
        return self.sources[-1], loc

    def _table(
        self, base: dict[str, Any], over: dict[str, Any], at: Loc, said: tuple[int, Loc]
    ) -> None:
        for key, value in over.items():
            loc, origin = (*at, key), (said[0], (*said[1], key))
            old = base.get(key)
            if isinstance(old, dict) and isinstance(value, dict):
                self._table(old, value, loc, origin)
            elif not at and key in NAMED and isinstance(old, list) and isinstance(value, list):
                self._named(old, value, loc, origin)
            else:
                base[key] = _copy(value)
                self._origins[loc] = origin

    def _named(self, base: list[Any], over: list[Any], at: Loc, said: tuple[int, Loc]) -> None:
        """Entries of the same name are merged; others are added behind."""
        places = {_name(item): index for index, item in reversed(list(enumerate(base)))}
        for number, item in enumerate(over):
            origin = (said[0], (*said[1], number))
            index = places.get(_name(item)) if _name(item) is not None else None
            if index is None:
                behind = (*at, len(base))
                self._origins[behind] = origin
                base.append(_copy(item))
            else:
                self._table(base[index], item, (*at, index), origin)


def _name(item: Any) -> str | None:
    name = item.get("name") if isinstance(item, dict) else None
    return name if isinstance(name, str) else None


def _copy(value: Any) -> Any:
    """Of the tables and arrays, which later files may change."""
    if isinstance(value, dict):
        return {key: _copy(child) for key, child in value.items()}
    return [_copy(child) for child in value] if isinstance(value, list) else value
