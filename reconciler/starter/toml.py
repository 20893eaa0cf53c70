"""Writing TOML 1.0: what a person would write, with comments."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from reconciler.render.style import clean
from reconciler.render.wrap import wrap

Value = str | int | bool | Iterable["Value"] | Mapping[str, "Value"]


def string(text: str) -> str:
    """A basic string. JSON's escapes are TOML's, but for DEL, which TOML wants escaped too. A byte
    that is no UTF-8 cannot be said in TOML."""
    said = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return json.dumps(said, ensure_ascii=False).replace("\x7f", "\\u007f")


def value(found: Value) -> str:
    """A value on one line."""
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, int):
        return str(found)
    if isinstance(found, str):
        return string(found)
    if isinstance(found, Mapping):
        return "{ " + ", ".join(f"{k} = {value(v)}" for k, v in found.items()) + " }"
    return "[" + ", ".join(value(v) for v in found) + "]"


def table(head: str, pairs: Mapping[str, Value]) -> list[str]:
    """``[head]`` and its keys, with the equal signs below each other."""
    longest = max(map(len, pairs), default=0)
    return [head, *(f"{key:<{longest}} = {value(found)}" for key, found in pairs.items())]


def comment(text: str, indent: str = "# ", *, hanging: str = "") -> list[str]:
    """A comment in lines that fit; untrusted text stays inside it."""
    return wrap(clean(text).replace("\n", " "), indent, indent + hanging)


def commented(lines: Iterable[str]) -> Iterator[str]:
    """Lines of TOML, switched off."""
    return (f"# {line}".rstrip() for line in lines)


def document(content: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """A whole file: of each table first its keys, then the tables below it."""
    plain = {key: found for key, found in content.items() if not _is_table(found)}
    if plain and not path:
        yield from table("", plain)[1:]
    for key, found in content.items():
        if not _is_table(found):
            continue
        name = f"{path}.{key}" if path else key
        many = isinstance(found, list)
        for part in found if many else [found]:
            keys = {k: v for k, v in part.items() if not _is_table(v)}
            yield ""
            yield from table(f"[[{name}]]" if many else f"[{name}]", keys)
            yield from document({k: v for k, v in part.items() if _is_table(v)}, name)


def _is_table(found: Any) -> bool:
    """A table, or an array of tables."""
    parts = found if isinstance(found, list) and found else [found]
    return all(isinstance(part, Mapping) for part in parts)
