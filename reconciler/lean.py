"""What the program leaves out at its start, because every plan would pay for it."""

from __future__ import annotations

import gc
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


def collect_seldom() -> None:
    """Look for reference cycles every 100,000 new objects instead of every 700 (gc(3)).

    Importing makes some 10,000 classes and functions that live until the end; going over them again
    and again is a fourteenth of an in-sync plan and frees nothing.
    """
    gc.set_threshold(100_000, 50, 100)
