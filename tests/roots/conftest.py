"""Fixtures: fresh copies of the built roots."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.lab.base import LabError
from tests.roots import build, copies
from tests.roots.flavours import FLAVOURS
from tests.roots.machine import simulate

Fresh = Callable[[str], Path]


@pytest.fixture(scope="session")
def built() -> Fresh:
    """The root of that name as it was built; not to be written to."""

    def ensure(name: str) -> Path:
        try:
            return build.ensure(FLAVOURS[name])
        except LabError as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(str(error))

    return ensure


@pytest.fixture
def fresh_root(built: Fresh) -> Iterator[Fresh]:
    """A copy of the root of that name, on a simulated machine; removed when the test ends."""
    with copies.home() as home:

        def copy(name: str) -> Path:
            number = len(list(home.iterdir()))
            root = copies.copy(built(name), home / f"{name}-{number}")
            simulate(root)
            return root

        yield copy


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """Nothing is wanted any more."""
    path = tmp_path / "empty.toml"
    path.write_text("version = 1\n")
    return path
