"""Backends that are found by where they lie: one module in a package, nothing registered."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Any


@cache
def names(package: str) -> tuple[str, ...]:
    """What the modules of a package are called in a spec, sorted; none of them is imported."""
    path = importlib.import_module(package).__path__
    return tuple(sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(path)))


def backend(package: str, name: str) -> Any:
    """The ``BACKEND`` of the module of that name. Raises KeyError where there is none."""
    if name not in names(package):
        raise KeyError(name)
    return importlib.import_module(f"{package}.{name.replace('-', '_')}").BACKEND
