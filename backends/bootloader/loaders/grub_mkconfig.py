"""GRUB as upstream names it, in /boot/grub: Debian, Ubuntu, Linux Mint, Arch, Gentoo."""

from __future__ import annotations

from backends.bootloader import grub_bls
from backends.bootloader.grub_family import UPSTREAM
from backends.bootloader.grub_generated import GrubMkconfig
from backends.bootloader.state import Evidence
from backends.reader import Reader


class Upstream(GrubMkconfig):
    """The backend."""

    def detect(self, reader: Reader) -> Evidence | None:
        """Unless /boot/grub2 has a GRUB that reads loader entries: what is here is left over."""
        return None if grub_bls.evidence(reader) else super().detect(reader)


BACKEND = Upstream(UPSTREAM)
