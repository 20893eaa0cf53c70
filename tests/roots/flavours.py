"""The root file systems: a Debian suite and what boots it."""

from __future__ import annotations

from dataclasses import dataclass

_COMMON = ("kmod", "linux-image-cloud-amd64", "pci.ids", "systemd-sysv", "udev", "zstd")


@dataclass(frozen=True, slots=True)
class Flavour:
    """One kind of root: ``initramfs`` and ``loader`` are what `reconcile --inspect` calls them.

    The cloud kernel is the smallest that has vfio-pci as a module (build.py checks that).
    """

    name: str
    suite: str
    initramfs: str
    loader: str
    packages: tuple[str, ...]

    @property
    def include(self) -> tuple[str, ...]:
        """Every package that is asked for, sorted."""
        return tuple(sorted({*_COMMON, self.initramfs, *self.packages}))


_GRUB = ("grub-pc",)
_SDBOOT = ("systemd-boot",)
_UKI = ("systemd-boot", "systemd-boot-efi", "systemd-ukify")
FLAVOURS = {
    f.name: f
    for f in (
        Flavour("bookworm", "bookworm", "initramfs-tools", "grub-mkconfig", _GRUB),
        Flavour("trixie", "trixie", "initramfs-tools", "grub-mkconfig", _GRUB),
        Flavour("dracut", "trixie", "dracut", "grub-mkconfig", _GRUB),
        Flavour("sdboot12", "bookworm", "initramfs-tools", "systemd-boot", _SDBOOT),
        Flavour("sdboot13", "trixie", "initramfs-tools", "systemd-boot", _SDBOOT),
        Flavour("uki13", "trixie", "initramfs-tools", "systemd-boot", _UKI),
    )
}
