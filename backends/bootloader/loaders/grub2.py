"""GRUB with the names of Fedora, RHEL and openSUSE: loader entries, or a generated grub.cfg.

On EFI systems /boot/efi/EFI/NAME/grub.cfg is a stub that loads the real file (Fedora 34 and
later, RHEL 9, openSUSE), or the file that reads the entries (RHEL 8): neither is ever written.
"""

from __future__ import annotations

from backends.bootloader import grub_bls
from backends.bootloader.grub_family import GRUB2, UPSTREAM
from backends.bootloader.grub_generated import GrubMkconfig
from backends.bootloader.started import by
from backends.bootloader.state import BootEdit, BootState, BootWish, Evidence
from backends.reader import Reader


class Grub2:
    """The backend: which of the two a host has is told by what its grub.cfg does."""

    name = "grub2"

    def __init__(self) -> None:
        self._classic = GrubMkconfig(GRUB2)

    def detect(self, reader: Reader) -> Evidence | None:
        """A grub.cfg that reads loader entries, and there are some; else a generated one."""
        if sentences := grub_bls.evidence(reader):
            strength, said = by(reader, "GRUB", grub=True)
            return Evidence(strength, (*sentences, *said))
        if reader.exists(UPSTREAM.config):  # a link to the other folder, or the other family
            return None
        return self._classic.detect(reader)

    def read(self, reader: Reader, evidence: tuple[str, ...]) -> BootState:
        """Entries where grub.cfg reads them."""
        if grub_bls.evidence(reader):
            return grub_bls.read(reader, evidence)
        return self._classic.read(reader, evidence)

    def edit(self, state: BootState, wish: BootWish) -> BootEdit:
        """By what was read."""
        if state.fact("layout") == "bls":
            return grub_bls.edit_all(state, wish)
        return self._classic.edit(state, wish)


BACKEND = Grub2()
