"""Copies of the built roots, beside them: on the same file system, and never on a tmpfs."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.roots.build import state_dir


@contextmanager
def home() -> Iterator[Path]:
    """A folder for copies, removed when the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="copy-", dir=state_dir()))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def copy(source: Path, target: Path) -> Path:
    """A copy to be changed. What is in /usr is shared: a test replaces a file there, and never
    writes into it."""
    target.mkdir()
    for part in source.iterdir():
        how = "--link" if part.name == "usr" else "--reflink=auto"
        subprocess.run(["cp", "-a", how, part, target], check=True)
    return target
