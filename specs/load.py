"""Loading a spec file into a HostSpec."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tomli
from pydantic import ValidationError

from specs.errors import SpecError, SpecProblem
from specs.spec import HostSpec


@dataclass(frozen=True, slots=True)
class LoadedSpec:
    """A spec, and where it came from. ``digest`` is that of the file's bytes."""

    spec: HostSpec
    path: str
    files: tuple[str, ...]
    digest: str
    base_dir: str

    def locate(self, toml_path: str) -> tuple[str, int, int]:
        """File, line and column of a TOML path."""
        return self.path, 0, 0


def load(path: str) -> LoadedSpec:
    """Load one file. Raises SpecError."""
    try:
        content = Path(path).read_bytes()
        spec = HostSpec.model_validate(tomli.loads(content.decode()))
    except (OSError, UnicodeDecodeError, tomli.TOMLDecodeError) as e:
        raise SpecError([SpecProblem(path, 0, 0, "", str(e))]) from e
    except ValidationError as e:
        problems = [
            SpecProblem(path, 0, 0, ".".join(map(str, p["loc"])), p["msg"]) for p in e.errors()
        ]
        raise SpecError(problems) from e
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    return LoadedSpec(spec, path, (path,), digest, os.path.dirname(os.path.abspath(path)))


def load_many(paths: Sequence[str]) -> tuple[LoadedSpec, ...]:
    """Load several files. Raises SpecError."""
    return tuple(load(path) for path in paths)


def select(folder: str, *, hostname: str, machine_id: str) -> LoadedSpec:
    """The one spec in a folder that names this machine. Raises SpecError."""
    found = [load(os.path.join(folder, n)) for n in sorted(os.listdir(folder))]
    mine = [s for s in found if hostname == s.spec.host.hostname]
    if len(mine) != 1:
        raise SpecError([SpecProblem(folder, 0, 0, "", f"{len(mine)} specs name this machine")])
    return mine[0]
