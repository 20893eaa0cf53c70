"""What a wrong spec is told, word for word: ``wrong/NAME.toml`` and ``wrong/NAME.txt``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from specs.errors import SpecError, SpecProblem
from specs.load import load
from tests.goldens import check

WRONG = Path(__file__).parent / "wrong"
CASES = sorted(path.stem for path in WRONG.glob("*.toml"))


def shown(problem: SpecProblem) -> str:
    """A problem as a person reads it."""
    file = os.path.relpath(problem.file, WRONG)
    text = f"{file}:{problem.line}:{problem.column}: {problem.path or '(file)'}\n"
    text += f"    {problem.message}\n"
    return text + (f"    -> {problem.hint}\n" if problem.hint else "")


@pytest.mark.parametrize("case", CASES)
def test_messages(case: str) -> None:
    with pytest.raises(SpecError) as caught:
        load(str(WRONG / f"{case}.toml"))
    found = "".join(map(shown, caught.value.problems)).replace(str(WRONG) + "/", "")
    check(WRONG / f"{case}.txt", found)


@pytest.mark.parametrize("case", CASES)
def test_every_problem_has_a_place(case: str) -> None:
    with pytest.raises(SpecError) as caught:
        load(str(WRONG / f"{case}.toml"))
    for problem in caught.value.problems:
        lines = Path(problem.file).read_text("utf-8").split("\n")
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
        assert problem.message
        assert len(problem.message) < 400
