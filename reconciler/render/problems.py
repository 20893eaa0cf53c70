"""The mistakes in specs, for people and for editors (file:line:column)."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.render.style import clean
from specs.errors import SpecProblem


def text(problems: Sequence[SpecProblem]) -> str:
    """``file:line:column: path: message`` a line, hints indented below."""
    lines = []
    for p in problems:
        place = f"{p.file}:{p.line}:{p.column}" if p.line else p.file
        path = f" {p.path}:" if p.path else ""
        lines.append(f"{clean(place)}:{clean(path)} {clean(p.message)}")
        if p.hint:
            lines.append(f"  → {clean(p.hint)}")
    count = len(problems)
    lines.append(f"{count} mistake{'' if count == 1 else 's'} in the spec; nothing was touched.")
    return "\n".join(lines) + "\n"


def to_json(problems: Sequence[SpecProblem]) -> list[dict[str, object]]:
    """The same as data."""
    return [
        {
            "file": p.file,
            "line": p.line,
            "column": p.column,
            "path": p.path,
            "message": p.message,
            "hint": p.hint,
        }
        for p in problems
    ]
