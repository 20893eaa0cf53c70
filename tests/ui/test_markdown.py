"""Markdown of every mode that can have it: for a pull request, and nothing in it is active."""

from __future__ import annotations

import re
from pathlib import Path

from backends.steps import WriteFile
from reconciler.render.plan_markdown import markdown
from reconciler.render.problems import markdown as problems_markdown
from specs.errors import SpecProblem
from tests.cli import run
from tests.ui.managed import applied
from tests.ui.test_plan_text import NEW, OLD, change, plan

REPO = Path(__file__).parents[2]
EVIL = "a|b`c` <img src=x> [d](http://x) *e*\n# f"


def test_mistakes_in_specs_are_a_table(tmp_path: Path) -> None:
    spec = tmp_path / "host.toml"
    spec.write_text("version = 1\n[cpu]\nisolatd = '1'\n")
    found = run("--validate", spec, "--format", "markdown")
    assert (found.code, found.err) == (65, "")
    assert f"| `{spec}:3:1` | `cpu.isolatd` | ❌ unknown key" in found.out
    spec.write_text("version = 1\n")
    assert run("--validate", spec, "--format", "markdown").out == f"- ✅ `{spec}`\n"


def test_a_mistake_cannot_leave_its_cell() -> None:
    row = problems_markdown([SpecProblem(EVIL, 1, 1, EVIL, EVIL, EVIL)]).splitlines()[2:]
    assert len(row) == 1
    assert not re.search(r"(?<!\\)<img", re.sub(r"`[^`]*`", "", row[0]))
    assert re.sub(r"\\\|", "", row[0]).count("|") == 4


def test_runs_are_a_table(tmp_path: Path) -> None:
    applied(tmp_path, tmp_path / "host.toml")
    assert run("--rollback", "--root", tmp_path, "-q").code == 0
    lines = run("--history", "--root", tmp_path, "--format", "markdown").out.splitlines()
    assert lines[0] == "| run | when | result | spec | changed |"
    assert "✓ `file:/etc/security/limits.d/reconcile.conf`" in lines[2]
    assert " UTC | done | undoes `" in lines[3]


def test_a_plan_shows_lines_and_folds_notes_and_diffs() -> None:
    folder = REPO / "examples/vm-host"
    state = ("--state", folder / "capture.json", "--format", "markdown")
    shown = run("--plan", folder / "host.toml", *state).out
    assert "`+ iommu=pt`" in shown
    assert "sha256:" not in shown
    assert "```diff" not in shown
    verbose = run("--plan", folder / "host.toml", *state, "-v").out
    assert "<summary>Diffs of " in verbose
    assert "+AllowedCPUs=0-3,16-19,32-35,48-51" in verbose
    assert verbose.count("<details>") == verbose.count("</details>")


def test_no_file_can_end_the_block_that_it_is_shown_in() -> None:
    fence = b"````\n</details><script>\n"
    found = plan(change("/etc/x", WriteFile("/etc/x", NEW + fence)), contents={"/etc/x": OLD})
    shown = markdown(found, verbose=True)
    assert "\n`````diff\n" in shown
    assert shown.count("\n`````\n") == 1
