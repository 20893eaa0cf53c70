"""What the program leaves out at its start, because every plan would pay for it."""

from __future__ import annotations

import sys
import types


def forgo_pydantic_plugins() -> None:
    """Keep pydantic from looking for plugins before its first model is built.

    The search reads the metadata of every installed package (importlib.metadata with all that it
    needs is a sixth of a plan's time), and what it found would run as root. Its switch,
    PYDANTIC_DISABLE_PLUGINS, comes after that import, so the module with the search is replaced;
    where pydantic has moved it, nothing happens but the slower start.
    """
    empty = types.ModuleType("pydantic.plugin._loader", "No plugins (reconciler.lean).")
    empty.__dict__["get_plugins"] = tuple
    sys.modules.setdefault(empty.__name__, empty)
