"""The files of one spec: the one that was named, and what it extends, in the order of merging."""

from __future__ import annotations

import os

from msgspec import Struct, field

from specs.errors import SpecError, SpecProblem
from specs.paths import Loc, path_text
from specs.places import locate
from specs.source import Source, Unreadable, read_source
from specs.values.base import quoted, toml_kind

MOST_FILES = 64
"""Files that one spec may be merged from."""

DEEPEST_CHAIN = 16
"""How far ``extends`` may lead from file to file."""


class Gathered(Struct):
    """Files in the order of merging, each once (at its first place), and what is wrong there."""

    sources: list[Source] = field(default_factory=list)
    problems: list[SpecProblem] = field(default_factory=list)
    _chain: list[Source] = field(default_factory=list)
    _seen: set[tuple[int, int]] = field(default_factory=set)

    def add(self, source: Source) -> None:
        """A file, behind everything that it extends."""
        self._seen.add(source.identity)
        self._chain.append(source)
        for index, path in self._extended(source):
            self._follow(source, ("extends", index), path)
        self._chain.pop()
        self.sources.append(source)
        version = source.data.get("version", 1)
        if self._chain and (version != 1 or isinstance(version, bool)):
            self._wrong(source, ("version",), "the only version there is, is 1")

    def _extended(self, source: Source) -> list[tuple[int, str]]:
        """The paths in ``extends``, each with its index; what is wrong there is told here."""
        found = source.data.get("extends", [])
        if not isinstance(found, list):
            hint = f"in brackets: extends = [{quoted(found)}]" if isinstance(found, str) else ""
            self._wrong(
                source, ("extends",), f"found {toml_kind(found)}; expected an array of paths", hint
            )
            found = []
        paths = []
        for index, path in enumerate(found):
            if isinstance(path, str) and path:
                paths.append((index, path))
            else:
                what = "an empty string" if path == "" else toml_kind(path)
                self._wrong(source, ("extends", index), f"found {what}; expected a path")
        if "extends" in source.data:
            source.data["extends"] = [path for _, path in paths]
        return paths

    def _follow(self, source: Source, loc: Loc, path: str) -> None:
        """Read one extended file and add it, unless it is there already."""
        full = os.path.normpath(os.path.join(os.path.dirname(source.path), path))
        try:
            found = read_source(full)
        except Unreadable as error:
            self._wrong(source, loc, f"cannot read {quoted(full, 200)}: {error}")
            return
        except SpecError as error:
            self.problems += error.problems
            return
        identities = [link.identity for link in self._chain]
        if found.identity in identities:
            loop = [*self._chain[identities.index(found.identity) :], found]
            names = " extends ".join(link.path for link in loop)
            self._wrong(source, loc, f"a cycle: {names}", "take one of them out")
        elif found.identity not in self._seen:
            self._add_within_limits(source, loc, found)

    def _add_within_limits(self, source: Source, loc: Loc, found: Source) -> None:
        if len(self._chain) >= DEEPEST_CHAIN:
            self._wrong(source, loc, f"extends leads through more than {DEEPEST_CHAIN} files")
        elif len(self._seen) >= MOST_FILES:
            self._wrong(source, loc, f"more than {MOST_FILES} files are extended")
        else:
            self.add(found)

    def _wrong(self, source: Source, loc: Loc, message: str, hint: str = "") -> None:
        line, column = locate(source.raw, loc, at_key=False)
        self.problems.append(SpecProblem(source.path, line, column, path_text(loc), message, hint))
