"""Files from real machines, read where they lie ($REALWORLD), never copied."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet

from tests.realworld import HOME

REALWORLD = HOME


def realworld_files(*places: str) -> list[ParameterSet]:
    """One test parameter per file below the folders, and per file that is named: its path.

    Without the files one parameter is left that skips, or fails where CI is set.
    """
    found = [
        pytest.param(path, id=str(path.relative_to(REALWORLD)))
        for place in places
        for path in (REALWORLD / place, *sorted((REALWORLD / place).rglob("*")))
        if path.is_file() and path.name != "SOURCES.tsv"
    ]
    reason = f"no files of real machines below {REALWORLD}; set REALWORLD"
    marks = [] if os.environ.get("CI") else [pytest.mark.skip(reason=reason)]
    return found or [pytest.param(REALWORLD / places[0], marks=marks, id="absent")]


def read(path: Path) -> str:
    """The file's text with every byte kept."""
    return path.read_bytes().decode("utf-8", "surrogateescape")
