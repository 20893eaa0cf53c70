"""Wheels for the guests, which have no network: the tool's dependencies, and the tool itself."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import tomli

from .base import CHECKOUT, call, digest, locked, subdir

# What manylinux calls the C library of bookworm and later.
_PLATFORMS = ("manylinux_2_34_x86_64", "manylinux_2_28_x86_64", "manylinux2014_x86_64")


def dependencies() -> list[str]:
    """The requirements that the checkout's pyproject.toml declares."""
    project = tomli.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    return sorted(str(requirement) for requirement in project["dependencies"])


def wheelhouse(python: str) -> Path:
    """A folder with the dependencies' wheels for a guest's Python ("3.11"), downloaded once."""
    folder = subdir("cache") / f"wheels-{python}-{digest(*dependencies())}"
    with locked(folder.name):
        if not folder.exists():
            unfinished = Path(tempfile.mkdtemp(dir=subdir("cache"), prefix="wheels."))
            platforms = [f"--platform={p}" for p in _PLATFORMS]
            call(
                *(sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:"),
                *(f"--python-version={python}", "--implementation=cp", *platforms),
                *(f"--dest={unfinished}", *dependencies()),
            )
            unfinished.rename(folder)
    return folder


def build(folder: Path, source: Path = CHECKOUT) -> Path:
    """The wheel of a source tree, built into `folder`."""
    options = ("--wheel", "--no-isolation", f"--outdir={folder}")
    call(sys.executable, "-m", "build", *options, source)
    (wheel,) = folder.glob("*.whl")
    return wheel
