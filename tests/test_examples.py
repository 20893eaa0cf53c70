"""Every example: its capture is what the tool records today, and its plan reads as committed."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli import run
from tests.goldens import check
from tests.simulator.examples import NAMES, record
from tests.simulator.hosts import HOSTS, build

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.mark.parametrize("name", NAMES)
def test_the_capture_is_what_the_tool_records(name: str, tmp_path: Path) -> None:
    recorded = record(name, tmp_path / "root")
    check(EXAMPLES / name / "capture.json", _lasting(json.loads(recorded)))
    if name in HOSTS:
        file = tmp_path / "capture.json"
        assert run("--capture", file, "--root", tmp_path / "root", "--quiet").code == 0
        of_a_tree = json.loads(file.read_text())
        assert of_a_tree.pop("tree") == {"mounted": []}
        assert of_a_tree == json.loads(recorded)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("format", "ending"), [("text", "txt"), ("json", "json"), ("markdown", "md")]
)
def test_the_plan_reads_as_committed(name: str, format: str, ending: str) -> None:
    folder = EXAMPLES / name
    spec = os.path.relpath(folder / "host.toml")
    plan = run("--plan", spec, "--state", folder / "capture.json", "--format", format)
    assert plan.code == 0, plan.err
    shown = plan.out.replace(str(folder.absolute()), f"/examples/{name}")
    # Files of ours name the spec, so their digests tell where this checkout lies.
    digests = r'("(?:after|state_digest)": "sha256:|"after_sha256": "|`sha256:)[0-9a-f]{64}'
    shown = re.sub(digests, lambda m: m[1] + "0" * 64, shown)
    check(Path(__file__).parent / "goldens" / "examples" / f"{name}.{ending}", shown)


@pytest.mark.parametrize("name", sorted(HOSTS))
def test_a_capture_plans_like_what_it_is_of(name: str, tmp_path: Path) -> None:
    root, file = tmp_path / "root", tmp_path / "capture.json"
    build(name, root)
    spec = EXAMPLES / name / "host.toml"
    assert run("--capture", file, "--root", root, "-q").code == 0
    tree = run("--plan", spec, "--root", root, "--format", "json")
    assert tree.out == run("--plan", spec, "--state", file, "--format", "json").out
    example = EXAMPLES / name / "capture.json"
    machine = run("--plan", spec, "--state", example, "--format", "json")
    assert _essence(machine.out) == _essence(tree.out)


def _essence(plan: str) -> Any:
    """What a plan says of a tree as well, where no kernel takes orders and some changes wait."""
    found = json.loads(plan)
    things = {item["object"] for item in (*found["changes"], *found["pending"])}
    return {**{k: found[k] for k in ("host", "spec", "findings", "state_digest")}, "of": things}


def test_every_example_has_a_host() -> None:
    assert sorted(p.name for p in EXAMPLES.iterdir() if p.is_dir()) == NAMES


def _lasting(capture: dict[str, Any]) -> str:
    """A capture without what differs between two builds of one tree."""
    for node in capture["nodes"].values():
        if node.get("stat"):
            node["stat"].update(ino=1, mtime_ns=0, device="0:1", uid=0, gid=0)
    return json.dumps(capture, indent=0, sort_keys=True) + "\n"
