"""The project's own rules: linters, types and the import rule are tests like others."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent


@pytest.mark.parametrize(
    "command",
    [
        (sys.executable, "-m", "ruff", "check", "."),
        (sys.executable, "-m", "ruff", "format", "--check", "."),
        (sys.executable, "-m", "mypy", "."),
        (str(BIN / "lint-imports"),),
    ],
    ids=["ruff", "format", "mypy", "imports"],
)
def test_the_rules_hold(command: tuple[str, ...]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda page: page.stem)
def test_tests_that_the_docs_name_are_there(page: Path) -> None:
    for path, name in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", page.read_text()):
        assert (ROOT / path).is_file(), path
        assert not name or f"def {name}(" in (ROOT / path).read_text(), f"{path}::{name}"


def starters(path: Path) -> Iterator[str]:
    """What a module names that could start a program."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name in {"sh", "subprocess", "pty"})
        elif isinstance(node, ast.ImportFrom) and node.module in {"sh", "subprocess", "pty"}:
            yield node.module
        elif isinstance(node, ast.Attribute):
            called = ast.unparse(node)
            if re.match(r"os\.(exec|spawn|posix_spawn|system|popen)", called):
                yield called


def test_one_module_starts_programs() -> None:
    packages = ("reconciler", "backends", "specs")
    found = {
        str(path.relative_to(ROOT)): {*starters(path)}
        for package in packages
        for path in (ROOT / package).rglob("*.py")
    }
    assert {path for path, how in found.items() if how} == {"backends/programs.py"}
    assert found["backends/programs.py"] == {"sh", "os.execve"}


def codes() -> Iterator[str]:
    """The codes of all findings that the program makes, as its source names them."""
    makers = {
        "refuse": 0,
        "warn": 0,
        "note": 0,
        "make": 0,
        "BootProblem": 0,
        "Conflict": 0,
        "Finding": 1,
    }
    for package in ("reconciler", "backends", "specs"):
        for path in (ROOT / package).rglob("*.py"):
            for call in ast.walk(ast.parse(path.read_text())):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
                    where = makers.get(call.func.id, len(call.args))
                    code = call.args[where] if where < len(call.args) else None
                    if isinstance(code, ast.Constant):
                        yield str(code.value)


def test_every_finding_is_in_the_docs() -> None:
    said = re.findall(r"^\| `([a-z-]+)` \|", (ROOT / "docs/findings.md").read_text(), re.M)
    assert len(said) == len(set(said))
    assert set(said) == set(codes())
