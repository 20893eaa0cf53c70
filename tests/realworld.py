"""Files from real machines, read where they lie: $REALWORLD, else beside the checkout."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

HOME = Path(os.environ.get("REALWORLD", Path(__file__).parent.parent.parent / "shared/realworld"))


NEEDED = [
    pytest.mark.realworld,
    pytest.mark.skipif(
        not HOME.is_dir() and not os.environ.get("CI"),
        reason=f"no files from real machines in {HOME} (set REALWORLD)",
    ),
]


def files(pattern: str) -> list[Path]:
    """The files below the folder that match; in CI there must be some."""
    found = sorted(p for p in HOME.glob(pattern) if p.is_file())
    assert found or not os.environ.get("CI"), f"no {pattern} in {HOME}: set REALWORLD"
    return found


def params(pattern: str) -> list[ParameterSet]:
    """The same as pytest parameters; one that skips and says why where there are none."""
    why = f"no files from real machines in {HOME} (set REALWORLD)"
    found = [pytest.param(p, id=str(p.relative_to(HOME))) for p in files(pattern)]
    return found or [pytest.param(None, marks=pytest.mark.skip(reason=why), id="none")]
