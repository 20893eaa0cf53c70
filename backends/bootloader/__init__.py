"""Boot loaders: each reads its own configuration and says which steps change it.

A module in ``loaders`` offers one as ``BACKEND``; ``detect`` tells which one boots this host.
"""

from __future__ import annotations

from typing import Protocol

from backends import plugins
from backends.bootloader.state import BootEdit, BootState, BootWish, Evidence
from backends.reader import Reader

_LOADERS = f"{__name__}.loaders"


class Bootloader(Protocol):
    """One family of boot loaders."""

    name: str

    def detect(self, reader: Reader) -> Evidence | None:
        """What speaks for this loader having booted the host; None: nothing."""

    def read(self, reader: Reader, evidence: tuple[str, ...]) -> BootState:
        """What is running, configured and next."""

    def edit(self, state: BootState, wish: BootWish) -> BootEdit:
        """The files and steps from this state to the wish; pure."""


def names() -> tuple[str, ...]:
    """Every boot loader that there is a backend for."""
    return plugins.names(_LOADERS)


def declarable() -> tuple[str, ...]:
    """What ``boot.loader`` of a spec may say."""
    return ("auto", *names())


def backend(name: str) -> Bootloader:
    """The backend of that name. Raises KeyError."""
    found: Bootloader = plugins.backend(_LOADERS, name)
    return found
