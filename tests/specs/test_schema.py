"""The JSON Schema: committed as generated, and of one mind with the models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import tomli

from docs.reference import tables
from specs.errors import SpecError
from specs.load import load
from specs.schema import schema, schema_text
from tests.goldens import check
from tests.specs.test_messages import WRONG
from tests.specs.test_models import FULL

ROOT = Path(__file__).parents[2]
VALIDATOR = jsonschema.Draft202012Validator(schema())


def test_committed_schema_is_the_generated_one() -> None:
    check(ROOT / "specs/host.schema.json", schema_text())


def test_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    assert '"null"' not in schema_text()


@pytest.mark.parametrize("path", sorted(ROOT.glob("examples/*/*.toml")), ids=str)
def test_examples_fit(path: Path) -> None:
    VALIDATOR.validate(tomli.loads(path.read_text()))


def test_full_example_fits() -> None:
    VALIDATOR.validate(tomli.loads(FULL))


def keys_of(spec: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """``vm.cputune.vcpupin`` and all others that a spec has."""
    for key, value in spec.items():
        path = f"{above}{key}"
        inner = value if isinstance(value, list) else [value]
        tables = [part for part in inner if isinstance(part, dict)]
        yield from (part for table in tables for part in keys_of(table, f"{path}."))
        if not tables:
            yield path


def test_every_key_is_in_the_full_example_or_in_an_example() -> None:
    """So that models, schema, merging and plans see each of them."""
    specs = [FULL, *(path.read_text() for path in ROOT.glob("examples/*/*.toml"))]
    used = {key for text in specs for key in keys_of(tomli.loads(text))}
    known = {f"{path}.{key}".lstrip(".") for path, _, _, keys in tables() for key, _ in keys}
    assert known - used == set()
    assert used - known == set()


@pytest.mark.parametrize("name", ["typos", "types", "missing"])
def test_editor_and_validate_agree_on_the_first_level_of_mistakes(name: str) -> None:
    """What pydantic refuses by type or name, the schema refuses at the same place."""
    path = WRONG / f"{name}.toml"
    with pytest.raises(SpecError) as caught:
        load(str(path))
    ours = {problem.path.split(".")[0].partition("[")[0] for problem in caught.value.problems}
    theirs = set()
    for error in VALIDATOR.iter_errors(tomli.loads(path.read_text())):
        theirs.add(str(error.absolute_path[0]) if error.absolute_path else "")
    # An unknown or missing key at the top is told with the table that it is not in.
    top = {key for key in ours if key not in schema()["properties"] or key == "version"}
    assert ours - top <= theirs
    assert not top or theirs & {"", "version"}


def test_every_key_is_described() -> None:
    for table in (schema(), *schema()["$defs"].values()):
        for key, field in table.get("properties", {}).items():
            assert field.get("description", "").endswith("."), key
