"""Which file of a folder is the spec of this machine."""

from __future__ import annotations

import os
from collections.abc import Sequence

from pydantic import ValidationError

from specs.boot import LOADERS
from specs.errors import SpecError, SpecProblem
from specs.gather import Gathered
from specs.host import Host
from specs.load import LoadedSpec, load, spec_files
from specs.merge import Merged
from specs.source import Unreadable, read_source

_SHOWN = 8


def select(
    folder: str, *, hostname: str, machine_id: str | None, loaders: Sequence[str] = LOADERS
) -> LoadedSpec:
    """The one spec of a folder whose ``[host]`` names the machine; SpecError for none or several.

    Files that are no specs, or wrong, are no obstacle unless none is left that names the machine.
    """
    fitting: list[str] = []
    others: list[SpecProblem] = []
    seen: list[str] = []
    for path in spec_files(folder):
        try:
            host = _host(path)
        except SpecError as error:
            others += error.problems
            continue
        if host is not None and host.names(hostname, machine_id):
            fitting.append(path)
        seen.append(f"{os.path.basename(path)} is for {_meant(host)}")
    if len(fitting) == 1:
        return load(fitting[0], loaders=loaders)
    machine = hostname + (f" (machine_id {machine_id})" if machine_id else "")
    if fitting:
        hint = "give one of them as the spec, or make their [host] differ"
        raise SpecError(
            [
                SpecProblem(path, 0, 0, "host", f"one of several for {machine}", hint)
                for path in fitting
            ]
        )
    hint = f'add [host] with hostname = "{hostname}" to the right one'
    rest = [f"{len(seen) - _SHOWN} others"] if len(seen) > _SHOWN else []
    message = f"no spec here is for {machine}"
    message += f": {', '.join([*seen[:_SHOWN], *rest])}" if seen else ""
    raise SpecError([SpecProblem(folder, 0, 0, "", message, hint), *others])


def _meant(host: Host | None) -> str:
    """The machine that a ``[host]`` table names, in words."""
    named = [] if host is None else [host.hostname, host.machine_id]
    return " ".join(name for name in named if name) or "no machine"


def _host(path: str) -> Host | None:
    """The ``[host]`` table of a file, merged with what it extends; None when it has none."""
    gathered = Gathered()
    try:
        gathered.add(read_source(path))
    except Unreadable as error:
        raise SpecError([SpecProblem(path, 0, 0, "", f"cannot read it: {error}")]) from error
    if gathered.problems:
        raise SpecError(gathered.problems)
    table = Merged(gathered.sources).data.get("host")
    try:
        return Host.model_validate(table) if isinstance(table, dict) else None
    except ValidationError:
        return None
