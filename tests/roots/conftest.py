"""Fixtures: fresh copies of the built roots."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.lab.base import LabError
from tests.roots import build
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
    """A copy of the root of that name, on a simulated machine; removed when the test ends.

    Copies lie beside the roots: on the same file system, and never on a tmpfs. What is in /usr
    they share: a test replaces a file there, and never writes into it.
    """
    home = Path(tempfile.mkdtemp(prefix="copy-", dir=build.state_dir()))

    def copy(name: str) -> Path:
        root = home / f"{name}-{len(list(home.iterdir()))}"
        root.mkdir()
        for part in built(name).iterdir():
            how = "--link" if part.name == "usr" else "--reflink=auto"
            subprocess.run(["cp", "-a", how, part, root], check=True)
        simulate(root)
        return root

    yield copy
    shutil.rmtree(home)
