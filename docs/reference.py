"""Writes docs/reference.md from the models and the command line: ``python -m docs.reference``.

A test compares the page with what this would write, and checks every example in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reconciler.inspection.model import schema as inspection_schema
from reconciler.options import EXIT_CODES, MODES, OPTIONS
from specs.schema import schema as spec_schema

HERE = Path(__file__).parent
PAGE = HERE / "reference.md"
Field = Mapping[str, Any]
# Of fields that a schema only points from.
_MEANINGS = {
    "do": "Which kind of step this is.",
    "effective": "When it has its effect.",
    "expect": "What is looked at afterwards.",
    "host": "Which machine this is.",
    "cpu": "Processors and their use.",
    "memory": "Memory of the host.",
    "boot": "The kernel command line, three times.",
    "libvirt": "The connection that VMs are seen through.",
}
# What a value of the spec looks like, by the pattern that its schema has.
_WORDS = {
    "0-9a-fA-F]{1,8}": "PCI address",
    "0-9a-fA-F]{4}):": "PCI id",
    "0-9a-fA-F]{2}:": "MAC address",
    "storage|sata": "PCI class",
    "0-9,:/": "CPU list",
    "([KMGTPE": "size",
    "^= ": "kernel argument",
    "^(?:/": "absolute path",
}


def page() -> str:
    """The whole page."""
    lines = [
        "# Reference",
        "",
        "Made by `python -m docs.reference` from the models that read a spec and from the command "
        "line's own description; do not edit it here.",
        "",
        "[Command line](#command-line) · [Spec](#spec) · [Plan as JSON](#plan-as-json) · "
        "[Inspection as JSON](#inspection-as-json) · findings: [findings.md](findings.md)",
        *_command_line(),
        *_spec(),
        *_document("Plan as JSON", "plan.schema.json", _plan_schema()),
        *_document("Inspection as JSON", "inspect.schema.json", inspection_schema()),
    ]
    return "\n".join(lines) + "\n"


def _table(*heads: str) -> list[str]:
    return [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]


def _cell(text: str) -> str:
    """Text in a table; what would be markup is quoted."""
    return "".join(f"\\{c}" if c in "|<>*" else c for c in text)


# --- the command line ---------------------------------------------------------------------------


def _command_line() -> Iterator[str]:
    yield from ("", "## Command line", "", "`reconcile MODE [SPEC] [options]`", "")
    yield from _table("mode", "does")
    yield from (f"| `{mode.shown.replace('|', ' or ')}` | {_cell(mode.text)} |" for mode in MODES)
    yield from ("", *_table("option", "means"))
    for option in OPTIONS:
        said = f"{option.text}. {option.more}".removesuffix(". ")
        yield f"| `{option.shown}` | {_cell(said)} |"
    yield from ("", *_table("exit code", "means"))
    yield from (f"| {code} | {_cell(text)} |" for code, _, text in EXIT_CODES)


# --- the spec -----------------------------------------------------------------------------------


def _spec() -> Iterator[str]:
    yield from (
        "",
        "## Spec",
        "",
        "A TOML 1.0 file. Unknown keys are errors. Every table is optional; what is not declared "
        "is left alone. Editors complete it with `#:schema host.schema.json` in the first line "
        "(`reconcile --schema` prints the schema).",
    )
    for path, many, table, fields in tables():
        shown = f"[[{path}]]" if many else f"[{path}]" if path else "At the top"
        yield from ("", f"### {shown if not path else f'`{shown}`'}", "", _about(table), "")
        yield from _table("key", "type", "default", "meaning", "example")
        yield from (_row(key, field, key in required(table)) for key, field in fields)


def tables() -> Iterator[tuple[str, bool, Field, list[tuple[str, Field]]]]:
    """Path, whether there may be several, the table, and its keys that are no tables."""
    whole = spec_schema()
    waiting: list[tuple[str, bool, Field]] = [("", False, whole)]
    while waiting:
        path, many, table = waiting.pop(0)
        plain: list[tuple[str, Field]] = []
        inner: list[tuple[str, bool, Field]] = []
        for key, field in table["properties"].items():
            name = field.get("$ref") or field.get("items", {}).get("$ref")
            if name is None:
                plain.append((key, field))
            else:
                below = f"{path}.{key}" if path else key
                inner.append((below, "items" in field, whole["$defs"][name.rpartition("/")[2]]))
        yield path, many, table, plain
        waiting[:0] = inner


def required(table: Field) -> frozenset[str]:
    """The keys that a table must have."""
    return frozenset(table.get("required", ()))


def _about(table: Field) -> str:
    return _cell(" ".join(str(table.get("description", "")).split("\n\n")[0].split()))


def _row(key: str, field: Field, needed: bool) -> str:
    default = "needed" if needed else f"`{toml(field['default'])}`" if "default" in field else ""
    meaning = _cell(str(field["description"]))
    return (
        f"| `{key}` | {_kind(field)} | {default} | {meaning} | `{key} = {toml(example(field))}` |"
    )


def example(field: Field) -> Any:
    """A value that the key may have: its own example, its type's, or what it is by default."""
    if "examples" in field:
        return field["examples"][0]
    if "const" in field:
        return field["const"]
    if field.get("type") == "array":
        items = field["items"]
        return items["enum"][:1] if "enum" in items else [example(items)]
    for kind in field.get("anyOf", ()):
        if kind.get("type") != "boolean":
            return example(kind)
    if "enum" in field:
        return next((word for word in field["enum"] if word != field.get("default")), None)
    if field.get("type") == "boolean":
        return not field.get("default", False)
    return field["default"]


def toml(value: Any) -> str:
    """A value as a spec writes it."""
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _kind(field: Field) -> str:
    if "enum" in field:
        return " or ".join(f"`{word}`" for word in field["enum"])
    if "const" in field:
        return f"`{toml(field['const'])}`"
    if "anyOf" in field:
        return " or ".join(_kind(kind) for kind in field["anyOf"])
    if field.get("type") == "array":
        return f"list of: {_kind(field['items'])}"
    if field.get("type") == "integer":
        return f"number, {field.get('minimum', 0)} to {field['maximum']}"
    if field.get("type") == "boolean":
        return "`true` or `false`"
    pattern = field.get("pattern", "")
    return next((words for mark, words in _WORDS.items() if mark in pattern), "text")


# --- documents ----------------------------------------------------------------------------------


def _plan_schema() -> Field:
    return dict(json.loads((HERE / "plan.schema.json").read_text()))


def _document(title: str, file: str, whole: Field) -> Iterator[str]:
    """The fields of a JSON document, a table for each kind of object in it."""
    yield from ("", f"## {title}", "", f"{_about(whole)} JSON Schema: [{file}]({file}).")
    parts = {"The document": whole, **whole["$defs"]}
    for name, part in parts.items():
        nested = {k: f for k, f in part.get("properties", {}).items() if "properties" in f}
        if not part.get("properties"):
            continue
        about = "" if part is whole else _about(part)
        yield from ("", f"### {_title(name)}", "", *([about, ""] if about else []))
        yield from _table("field", "type", "meaning")
        yield from (_field_row(key, field) for key, field in part["properties"].items())
        for outer, field in nested.items():
            yield from (
                _field_row(f"{outer}.{key}", inner) for key, inner in field["properties"].items()
            )


def _title(name: str) -> str:
    return name if " " in name else f"`{name.removesuffix('Part')}`"


def _field_row(key: str, field: Field) -> str:
    meaning = str(field.get("description") or _MEANINGS.get(key, ""))
    return f"| `{key}` | {_json_kind(field)} | {_cell(meaning)} |"


def _json_kind(field: Field) -> str:
    if "$ref" in field:
        return _title(field["$ref"].rpartition("/")[2])
    for several in ("anyOf", "oneOf"):
        if several in field:
            return " or ".join(_json_kind(kind) for kind in field[several])
    if "const" in field:
        return f"`{json.dumps(field['const'])}`"
    if "enum" in field:
        return " or ".join(f"`{word}`" for word in field["enum"])
    kind = field.get("type", "any")
    if kind == "array":
        return f"array of {_json_kind(field['items'])}" if field.get("items") else "array"
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


if __name__ == "__main__":
    PAGE.write_text(page())
