"""initramfs generators: what to put beside their configuration, and how they are run.

A module in this folder offers one as ``BACKEND``; ``detect`` tells which one is in use.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Protocol

from backends.initramfs.state import InitramfsState, OwnFile
from backends.reader import Reader
from backends.steps import Step

NAMES = {"initramfs-tools": "initramfs_tools"}
UNKNOWN = "unknown"


class Generator(Protocol):
    """One initramfs generator."""

    name: str
    own_paths: tuple[str, ...]

    def detect(self, reader: Reader) -> tuple[str, ...]:
        """Evidence that this generator makes the images of this host; empty: it does not."""

    def read(self, reader: Reader, evidence: tuple[str, ...]) -> InitramfsState:
        """The images, and whether they can be made again."""

    def own_files(self, modules: Sequence[str], files: Sequence[str], header: str) -> list[OwnFile]:
        """Files of ours from which modules (loaded early) and files get into every image."""

    def regenerate(self, state: InitramfsState) -> tuple[Step, ...]:
        """The steps that make every image again."""


def generator(name: str) -> Generator:
    """The generator of that name. Raises KeyError."""
    found: Generator = importlib.import_module(f"backends.initramfs.{NAMES[name]}").BACKEND
    return found


def own_paths() -> tuple[str, ...]:
    """Every file that some generator may need from us."""
    return tuple(path for name in NAMES for path in generator(name).own_paths)


def observe_initramfs(reader: Reader) -> InitramfsState:
    """The generator in use and its images."""
    for name in NAMES:
        if evidence := generator(name).detect(reader):
            return generator(name).read(reader, evidence)
    return InitramfsState(UNKNOWN, ())
