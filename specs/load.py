"""Spec files to a ``HostSpec``: every error of every file at once, each with its place."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from specs.boot import LOADERS
from specs.errors import SpecError, SpecProblem, UsageError
from specs.gather import Gathered
from specs.merge import Merged
from specs.paths import parse_path, path_text
from specs.problems import did_you_mean
from specs.record import Record
from specs.references import Reference, reference_problems
from specs.source import Source, Unreadable, read_source
from specs.spec import HostSpec

MOST_PROBLEMS = 1000
"""Problems of one spec that are told at once."""

_CONSEQUENCES = ("missing", "spec")
"""Kinds of problems that may come from a file that could not be read."""


class LoadedSpec(Record):
    """A valid spec and where it came from.

    ``files`` are in the order of merging, ``path`` last; ``base_dir`` is the folder of ``path``;
    ``digest`` is that of the file's bytes, or of the digests of all files, one a line.
    """

    spec: HostSpec
    path: str
    files: tuple[str, ...]
    digest: str
    base_dir: str
    _merged: Merged

    def locate(self, where: str) -> tuple[str, int, int]:
        """File, line and column (from 1) of a path such as ``vm[0].devices[1]``."""
        from specs.places import locate

        source, loc = self._merged.origin(parse_path(where))
        return source.path, *locate(source.raw, loc, at_key=True)

    def resolve(self, where: str, path: str) -> str:
        """``path``, made absolute from the folder of the file that says what is at ``where``."""
        source, _ = self._merged.origin(parse_path(where))
        return os.path.normpath(os.path.join(source.folder, path))


def load(path: str, *, loaders: Sequence[str] = LOADERS) -> LoadedSpec:
    """The spec in one file. UsageError when there is no such file, SpecError when it is wrong.

    ``loaders`` are the names that ``boot.loader`` may have.
    """
    return _load(_gather(path), path, loaders)


def load_many(paths: Iterable[str], *, loaders: Sequence[str] = LOADERS) -> tuple[LoadedSpec, ...]:
    """The specs in these files and folders; SpecError with the problems of all of them, also
    of those that cannot be read. UsageError when that is all that is wrong, with one.

    In a folder, a file that another one extends is checked as part of that one.
    """
    problems: list[SpecProblem] = []
    unread: list[UsageError] = []
    named, found = _expand(paths, problems, unread)
    gathered: dict[str, Gathered] = {}
    for path in [*named, *found]:
        try:
            gathered[path] = _gather(path)
        except SpecError as error:
            problems += error.problems
        except UsageError as error:
            unread.append(error)
    parts = {source.identity for each in gathered.values() for source in each.sources[:-1]}
    loaded = []
    for path, each in gathered.items():
        if path in named or each.sources[-1].identity not in parts:
            try:
                loaded.append(_load(each, path, loaders))
            except SpecError as error:
                problems += error.problems
    if len(unread) == 1 and not problems:
        raise unread[0]
    problems += [SpecProblem(e.where, 0, 0, "", e.message, e.hint) for e in unread]
    if problems:
        raise SpecError(list(dict.fromkeys(problems)))
    return tuple(loaded)


def _expand(
    paths: Iterable[str], problems: list[SpecProblem], unread: list[UsageError]
) -> tuple[list[str], list[str]]:
    """The files among ``paths``, and the ``*.toml`` files in the folders among them; what is
    wrong with a folder is added to the lists."""
    named: list[str] = []
    found: list[str] = []
    for path in paths:
        if not os.path.isdir(path):
            named.append(path)
            continue
        try:
            found += spec_files(path)
        except SpecError as error:
            problems += error.problems
        except UsageError as error:
            unread.append(error)
    return list(dict.fromkeys(named)), [path for path in dict.fromkeys(found) if path not in named]


def spec_files(folder: str) -> list[str]:
    """The ``*.toml`` files in a folder, sorted; SpecError when there is none."""
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        raise UsageError(
            f"cannot list the folder: {os.strerror(error.errno or 0)}", where=folder
        ) from error
    names = [name for name in names if name.endswith(".toml") and not name.startswith(".")]
    if not names:
        raise SpecError([SpecProblem(folder, 0, 0, "", "no spec (*.toml) in this folder")])
    return [os.path.join(folder, name) for name in names]


def _gather(path: str) -> Gathered:
    gathered = Gathered()
    try:
        gathered.add(read_source(path))
    except Unreadable as error:
        message = f"cannot read the spec: {error}"
        raise UsageError(message, where=path, hint=_near(path)) from error
    return gathered


def _near(path: str) -> str:
    """A spec in the same folder whose name is nearly the one that was given."""
    folder, name = os.path.split(path)
    try:
        names = [other for other in os.listdir(folder or ".") if other.endswith(".toml")]
    except OSError:
        return ""
    return did_you_mean(name, names)


def _load(gathered: Gathered, path: str, loaders: Sequence[str]) -> LoadedSpec:
    merged = Merged(gathered.sources)
    complete = not gathered.problems
    spec, errors = _validate(merged.data, loaders)
    if not complete:
        errors = [error for error in errors if error["type"] not in _CONSEQUENCES]
    references = islice(reference_problems(merged.data), MOST_PROBLEMS) if complete else ()
    problems = [*gathered.problems, *_placed(merged, errors, list(references))]
    if spec is None or problems:
        raise SpecError(problems)
    sources = gathered.sources
    files = tuple(source.path for source in sources)
    return LoadedSpec(spec, path, files, _digest(sources), sources[-1].folder, merged)


def _validate(
    data: dict[str, Any], loaders: Sequence[str]
) -> tuple[HostSpec | None, list[ErrorDetails]]:
    try:
        return HostSpec.model_validate(data, context={"loaders": loaders}), []
    except ValidationError as error:
        return None, error.errors(include_url=False)


def _digest(sources: list[Source]) -> str:
    digests = [hashlib.sha256(source.raw).hexdigest() for source in sources]
    if len(digests) > 1:
        digests = [hashlib.sha256("".join(f"{each}\n" for each in digests).encode()).hexdigest()]
    return f"sha256:{digests[0]}"


def _placed(
    merged: Merged, errors: list[Any], references: list[Reference]
) -> Iterator[SpecProblem]:
    """The problems in the user's words, each with the file and place that it comes from."""
    if not errors and not references:
        return
    from specs.explain import Explained, explain
    from specs.places import locate

    found = [explain(error) for error in errors[:MOST_PROBLEMS]]
    found += [Explained(loc, message, hint) for loc, message, hint in references]
    for each in found:
        source, loc = merged.origin(each.loc)
        line, column = locate(source.raw, loc, at_key=each.at_key)
        yield SpecProblem(source.path, line, column, path_text(each.loc), each.message, each.hint)
    if len(errors) > MOST_PROBLEMS:
        rest = f"{len(errors):,} problems, of which {MOST_PROBLEMS:,} are shown"
        yield SpecProblem(merged.sources[-1].path, 0, 0, "", rest)
