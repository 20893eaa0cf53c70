"""The JSON Schema of a spec, for editors: generated from the models, committed beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pydantic import create_model

from specs.fields import Items
from specs.later import inner_model
from specs.spec import HostSpec

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a spec file. TOML has no null, so a key has no null either."""
    generated = _whole().model_json_schema(by_alias=True)
    for table in _tables(generated):
        table.pop("title", None)
        for key, field in table.get("properties", {}).items():
            table["properties"][key] = _plain(field)
    return {"$schema": DIALECT, "title": "Host spec of reconcile", **generated}


def schema_text() -> str:
    """The content of ``host.schema.json``."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def _whole() -> type[HostSpec]:
    """The spec with the models of its large tables in their places (specs.later)."""
    arrays: dict[str, Any] = {}
    for name, field in HostSpec.model_fields.items():
        model, many = inner_model(field.annotation)
        if many:
            arrays[name] = (Items[model], field)  # type: ignore[valid-type]
    return create_model("HostSpec", __base__=HostSpec, __doc__=HostSpec.__doc__, **arrays)


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
