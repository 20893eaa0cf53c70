"""The published schema of plans: every plan that the tool prints or saves is as it says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from backends.steps import (
    DefineDomain,
    Expect,
    RemoveFile,
    RenameFile,
    Run,
    Step,
    WriteAttribute,
    WriteFile,
)
from reconciler.model import Change, Effective, Plan
from reconciler.plan_json import to_json
from tests.cli import run
from tests.ui.managed import limited

REPO = Path(__file__).parents[2]
SCHEMA = json.loads((REPO / "docs/plan.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)
GOLDENS = sorted((REPO / "tests/goldens/examples").glob("*.json"))
DIGEST = "sha256:" + "0" * 64
STEPS: list[Step] = [
    WriteFile("/etc/a", b"text"),
    WriteFile("/etc/a", b"\xff", 0o600),
    RemoveFile("/etc/a"),
    RemoveFile("/etc/a.d/a", ("/etc/a.d",)),
    RenameFile("/boot/a.new", "/boot/a"),
    RenameFile("/boot/a.new", "/boot/a", ("update-initramfs", "-u")),
    WriteAttribute("/sys/a", "1"),
    WriteAttribute("/sys/a", "1", undo=(("/sys/a", "0"),), optional=True, tolerate=True),
    Run(("true",)),
    Run(
        ("true",),
        expect=Expect("grub-cfg", "/boot/a", args=("a",), absent=("b",), words=("c",), like="/b"),
        touches=("/boot/a",),
        regenerates=True,
    ),
    DefineDomain("a", "<domain/>"),
    DefineDomain("a", None, autostart=True, uuid="u", definition="a.xml"),
]


def plan_with(*steps: Step) -> dict[str, Any]:
    """A plan of one change with these steps."""
    change = Change("a", "file", "/etc/a", "content", None, 1, "boot", steps, Effective.NOW)
    host = {"hostname": "h", "machine_id": "", "bootloader": "unknown", "iommu": "none"}
    found = to_json(Plan(host, "/s.toml", DIGEST, DIGEST, changes=(change,)))
    return dict(json.loads(json.dumps(found)))


def test_it_is_a_schema_that_explains_every_field() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    for name, part in {"": SCHEMA, **SCHEMA["$defs"]}.items():
        for key, field in part.get("properties", {}).items():
            assert "description" in field or "$ref" in field or "const" in field, f"{name}.{key}"


@pytest.mark.parametrize("golden", GOLDENS, ids=lambda path: path.stem)
def test_the_plans_of_the_examples(golden: Path) -> None:
    VALIDATOR.validate(json.loads(golden.read_text()))


@pytest.mark.parametrize("step", STEPS, ids=lambda step: type(step).__name__)
def test_every_kind_of_step(step: Step) -> None:
    VALIDATOR.validate(plan_with(step))


def test_plans_that_were_saved_refused_applied_and_undone(tmp_path: Path) -> None:
    root = tmp_path / "root"
    spec = limited(root, tmp_path / "host.toml")
    saved = tmp_path / "plan.json"
    assert run("--plan", spec, "--root", root, "--out", saved).code == 0
    VALIDATOR.validate(json.loads(saved.read_text()))
    for mode in ("--apply", "--rollback"):
        words = (mode, spec) if mode == "--apply" else (mode,)
        done = run(*words, "--root", root, "--format", "json")
        assert done.code == 0, done.err
        found = json.loads(done.out)
        VALIDATOR.validate(found)
        assert found["changes"][0]["result"] == "done"
        assert found["reboot_required"] is False
    spec.write_text("version = 1\n[cpu]\nisolated = '0-99'\n")
    refused = run("--apply", spec, "--root", root, "--format", "json")
    assert refused.code == 3
    VALIDATOR.validate(json.loads(refused.out))


@pytest.mark.parametrize(
    "change",
    [
        {"format_version": 2},
        {"surprise": 1},
        {"changes": [{}]},
        {"summary": {"changes": -1, "now": 0, "vm_restart": 0, "reboot": 0}},
        {"findings": [{"severity": "fatal", "code": "x", "where": "", "message": "", "hint": ""}]},
    ],
)
def test_something_else_is_no_plan(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        VALIDATOR.validate({**plan_with(*STEPS), **change})
