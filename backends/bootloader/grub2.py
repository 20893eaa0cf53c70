"""GRUB with the names of Fedora, RHEL and openSUSE: loader entries, or a generated grub.cfg.

On EFI systems /boot/efi/EFI/NAME/grub.cfg is a stub that loads the real file (Fedora 34 and
later, RHEL 9, openSUSE), or the file that reads the entries (RHEL 8): neither is ever written.
"""

from __future__ import annotations

import re

from backends.bootloader import grub_bls
from backends.bootloader.grub_family import GRUB2, UPSTREAM
from backends.bootloader.grub_mkconfig import GrubMkconfig
from backends.bootloader.state import BootEdit, BootState, BootWish
from backends.reader import Reader

_LINKS = ("/etc/grub2-efi.cfg", "/etc/grub2.cfg")
_BLSCFG = re.compile(r"(?m)^\s*blscfg\b")


class Grub2:
    """The backend: which of the two a host has is told by what its grub.cfg does."""

    name = "grub2"

    def __init__(self) -> None:
        self._classic = GrubMkconfig(GRUB2)

    def detect(self, reader: Reader) -> tuple[str, ...]:
        """A grub.cfg that reads loader entries, and there are some; else a generated one."""
        config = _reads_entries(reader)
        if config and any(n.endswith(".conf") for n in reader.list(grub_bls.ENTRIES)):
            return (f"{config} says blscfg", f"{grub_bls.ENTRIES} has entries")
        if reader.exists(UPSTREAM.config):  # a link to the other folder, or the other family
            return ()
        return self._classic.detect(reader)

    def read(self, reader: Reader, evidence: tuple[str, ...]) -> BootState:
        """By the evidence."""
        if any("blscfg" in sentence for sentence in evidence):
            return grub_bls.read(reader, evidence)
        return self._classic.read(reader, evidence)

    def edit(self, state: BootState, wish: BootWish) -> BootEdit:
        """By what was read."""
        if state.fact("layout") == "bls":
            return grub_bls.edit_all(state, wish)
        return self._classic.edit(state, wish)


BACKEND = Grub2()


def _reads_entries(reader: Reader) -> str | None:
    """The grub.cfg that says blscfg, links followed."""
    places = dict.fromkeys(reader.realpath(p) for p in (*_LINKS, GRUB2.config))
    return next((p for p in places if _BLSCFG.search(reader.read_text(p) or "")), None)
