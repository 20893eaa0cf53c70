"""Where these tests build hosts."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulator.tree import TreeBuilder


@pytest.fixture
def memory_path(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: thousands of small files take seconds on a disk."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        yield Path(name)


@pytest.fixture
def tree(memory_path: Path) -> TreeBuilder:
    """An empty Intel host."""
    builder = TreeBuilder(memory_path)
    builder.cpu()
    return builder
