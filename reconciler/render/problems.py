"""The mistakes in specs, for people and for editors (file:line:column)."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.render.markdown import cell, code
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


def markdown(problems: Sequence[SpecProblem], specs: Sequence[str] = ()) -> str:
    """A table of the mistakes, or the specs that have none."""
    if not problems:
        return "".join(f"- ✅ {code(path)}\n" for path in specs)
    lines = ["| where | key | mistake |", "|---|---|---|"]
    for p in problems:
        hint = f" → {cell(p.hint)}" if p.hint else ""
        place = f"{p.file}:{p.line}:{p.column}" if p.line else p.file
        lines.append(f"| {code(place)} | {code(p.path)} | ❌ {cell(p.message)}{hint} |")
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
