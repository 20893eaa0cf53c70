"""The image flavours: a Debian suite, a firmware and the way its kernels get booted."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

from .base import LabError

# What every guest has: enough to run the tool, to look at the result, and libvirt with a QEMU.
COMMON = (
    "apt",
    "dbus",
    "efibootmgr",
    "iproute2",
    "kmod",
    "libvirt-clients",
    "libvirt-daemon-system",
    "numactl",
    "nvme-cli",
    "pciutils",
    "procps",
    "python3",
    "python3-venv",
    "qemu-system-x86",
    "systemd-sysv",
    "udev",
    "zstd",
)


@dataclass(frozen=True, slots=True)
class Flavour:
    """One kind of disk image; `loader` is what `reconcile --inspect` must call it."""

    name: str
    suite: str
    firmware: Literal["bios", "uefi"]
    loader: Literal["grub-mkconfig", "grub2", "systemd-boot"]
    packages: tuple[str, ...]
    # The script that installs the boot loader from inside: inside/finalize-NAME.sh.
    finalize: str

    @property
    def include(self) -> tuple[str, ...]:
        """Every package of the image but the kernels, sorted."""
        return tuple(sorted({*COMMON, *self.packages}))


_INITRAMFS = "initramfs-tools"
FLAVOURS = {
    f.name: f
    for f in (
        Flavour("grub-bios", "bookworm", "bios", "grub-mkconfig", (_INITRAMFS, "grub-pc"), "grub"),
        Flavour(
            "grub-efi",
            "bookworm",
            "uefi",
            "grub-mkconfig",
            (_INITRAMFS, "grub-efi-amd64"),
            "grub",
        ),
        Flavour(
            "sdboot", "bookworm", "uefi", "systemd-boot", (_INITRAMFS, "systemd-boot"), "sdboot"
        ),
        Flavour(
            "sdboot13", "trixie", "uefi", "systemd-boot", (_INITRAMFS, "systemd-boot"), "sdboot"
        ),
        Flavour(
            "uki",
            "trixie",
            "uefi",
            "systemd-boot",
            (_INITRAMFS, "systemd-boot", "systemd-boot-efi", "systemd-ukify"),
            "uki",
        ),
        Flavour(
            "bls",
            "forky",
            "uefi",
            "grub2",
            ("dracut", "grub-efi-amd64", "systemd-boot-tools"),
            "bls",
        ),
    )
}
DEFAULT = ("grub-efi", "sdboot")


def named(name: str) -> Flavour:
    """The flavour of that name; LabError names the known ones."""
    try:
        return FLAVOURS[name]
    except KeyError:
        raise LabError(f"no flavour {name!r}; there are {', '.join(FLAVOURS)}") from None


def chosen() -> tuple[str, ...]:
    """The flavours of $RECONCILE_LAB_FLAVOURS: names split by commas, `default` or `all`."""
    wanted = os.environ.get("RECONCILE_LAB_FLAVOURS") or "default"
    if wanted == "all":
        return tuple(FLAVOURS)
    if wanted == "default":
        return DEFAULT
    return tuple(named(name.strip()).name for name in wanted.split(","))
