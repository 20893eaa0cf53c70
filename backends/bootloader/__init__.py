"""Boot loaders: each reads its own configuration and says which steps change it.

A module in this folder offers one as ``BACKEND``; ``detect`` tells which one boots this host.
"""

from __future__ import annotations

import importlib
from typing import Protocol

from backends.bootloader.state import BootEdit, BootState, BootWish
from backends.reader import Reader

NAMES = {
    "grub2": "grub2",
    "grub-mkconfig": "grub_mkconfig",
    "systemd-boot": "systemd_boot",
}


class Bootloader(Protocol):
    """One family of boot loaders."""

    name: str

    def detect(self, reader: Reader) -> tuple[str, ...]:
        """Evidence (sentences) that this loader boots the host; empty: it does not."""

    def read(self, reader: Reader, evidence: tuple[str, ...]) -> BootState:
        """What is running, configured and next."""

    def edit(self, state: BootState, wish: BootWish) -> BootEdit:
        """The files and steps from this state to the wish; pure."""


def backend(name: str) -> Bootloader:
    """The backend of that name. Raises KeyError."""
    module = importlib.import_module(f"backends.bootloader.{NAMES[name]}")
    found: Bootloader = module.BACKEND
    return found
