"""The JSON Schema of a spec, for editors: generated from the models, committed beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from specs.spec import HostSpec

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a spec file. TOML has no null, so a key has no null either."""
    generated = HostSpec.model_json_schema(by_alias=True)
    for table in _tables(generated):
        table.pop("title", None)
        for key, field in table.get("properties", {}).items():
            table["properties"][key] = _plain(field)
    return {"$schema": DIALECT, "title": "Host spec of reconcile", **generated}


def schema_text() -> str:
    """The content of ``host.schema.json``."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _tables(generated: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield generated
    yield from generated.get("$defs", {}).values()


def _plain(field: dict[str, Any]) -> dict[str, Any]:
    """Without what only Python knows: made-up titles, null, and defaults that declare nothing."""
    field = {key: value for key, value in field.items() if key != "title"}
    kinds = [kind for kind in field.pop("anyOf", []) if kind != {"type": "null"}]
    if len(kinds) == 1:
        field = {**kinds[0], **field}
    elif kinds:
        field["anyOf"] = kinds
    if field.get("default") in (None, {}, []):
        field.pop("default", None)
    return field
