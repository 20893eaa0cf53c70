"""Untrusted text in markdown: nothing in it is active."""

from __future__ import annotations

from reconciler.render.style import clean


def cell(value: object) -> str:
    """Text that cannot end its table cell, or become markup."""
    shown = clean(str(value)).replace("\n", " ")
    return "".join(f"\\{c}" if c in "\\|`*_<>[]#" else c for c in shown)


def code(value: object) -> str:
    """A code span; backticks and bars are replaced: a table has no way to quote them."""
    if value is None or value == "":
        return "–"
    shown = clean(str(value)).replace("\n", " ").replace("`", "'").replace("|", "¦")
    return f"`{shown}`"
