"""Resource kinds: one module each, found by looking, in the order that they give themselves."""

from __future__ import annotations

import importlib
import pkgutil
from functools import lru_cache

from reconciler.context import Resource


@lru_cache(maxsize=1)
def resources() -> tuple[Resource, ...]:
    """Every module here that offers a RESOURCE, by ``order``, then kind."""
    modules = [
        importlib.import_module(f"{__name__}.{info.name}")
        for info in pkgutil.iter_modules(__path__)
    ]
    found: list[Resource] = [m.RESOURCE for m in modules if hasattr(m, "RESOURCE")]
    return tuple(sorted(found, key=lambda r: (r.order, r.kind)))


def own_paths() -> tuple[str, ...]:
    """Every file that some resource may create on a host."""
    return tuple(path for resource in resources() for path in resource.own_paths)
