"""docs/reference.md: made from the models as they are, and every example in it holds."""

from __future__ import annotations

from typing import Any

import pytest
import tomli
from jsonschema import Draft202012Validator

from docs.reference import PAGE, example, page, tables, toml
from specs.schema import schema
from tests.goldens import check

KEYS = [(path, key, field) for path, _, _, fields in tables() for key, field in fields]


def test_the_page_is_what_the_models_say() -> None:
    check(PAGE, page())


def test_every_key_of_the_spec_is_a_row() -> None:
    defined = {
        (key, str(f)) for t in schema()["$defs"].values() for key, f in t["properties"].items()
    }
    plain = {(k, f) for k, f in defined if "'$ref'" not in f}
    assert {(key, str(field)) for _, key, field in KEYS} >= plain


@pytest.mark.parametrize(("path", "key", "field"), KEYS, ids=[f"{p}.{k}" for p, k, _ in KEYS])
def test_every_example_is_toml_and_fits_its_key(path: str, key: str, field: dict[str, Any]) -> None:
    read = tomli.loads(f"{key} = {toml(example(field))}")
    Draft202012Validator(field).validate(read[key])
    assert field.get("default") != read[key] or "enum" not in field


def test_no_field_is_left_unexplained() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert len(rows) > 200
    assert [row for row in rows if "|  |" in row and row.count("|") < 6] == []
