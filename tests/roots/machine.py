"""The machine that a copied root pretends to run on: /sys and /proc as plain files."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.simulator import esp
from tests.simulator.tree import TreeBuilder

GPU, AUDIO, NIC, SPARE, DISK = (
    "0000:01:00.0",
    "0000:01:00.1",
    "0000:00:1f.6",
    "0000:02:00.0",
    "0000:00:17.0",
)
_PORTS = ("0000:00:01.0", "0000:00:1c.0")


def kernel_of(root: Path) -> str:
    """The version of the kernel that is installed in the root (the first, after a second)."""
    return min(modules.name for modules in (root / "usr/lib/modules").iterdir())


def simulate(
    root: Path, args: str = "quiet", passed: bool = False, loader: str = "grub-mkconfig"
) -> None:
    """A small host: a card with two functions, a spare NIC, a disk and a NIC that it lives on.

    It was booted by ``loader`` with ``args``. Its Intel IOMMU runs when they say so; ``passed``
    says whether the card then came up on vfio-pci. Call it again for the next boot.
    """
    for folder in ("proc", "sys"):
        for left in (root / folder).iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
    tree = TreeBuilder(root)
    on = "intel_iommu=on" in args.split()
    groups: Sequence[int | None] = range(1, 6) if on else [None] * 5
    card = ("vfio-pci", "vfio-pci") if passed else ("nouveau", "snd_hda_intel")
    tree.cpu()
    tree.iommu(unit="dmar0" if on else "")
    for port in _PORTS:
        tree.function(port, "0x060400", "8086:1901", driver="pcieport", group=groups[0], reset=None)
    gpu, audio, spare = "10de:2489", "10de:228b", "8086:10d3"
    tree.function(GPU, "0x030000", gpu, below=_PORTS[0], driver=card[0], group=groups[1])
    tree.function(AUDIO, "0x040300", audio, below=_PORTS[0], driver=card[1], group=groups[1])
    tree.function(SPARE, "0x020000", spare, below=_PORTS[1], driver="e1000e", group=groups[2])
    disk = tree.function(DISK, "0x010601", "8086:a352", driver="ahci", group=groups[3])
    nic = tree.function(NIC, "0x020000", "8086:15bb", driver="e1000e", group=groups[4])
    tree.disk("sda", disk)
    tree.mount(tree.partition("sda", 2), "/")
    tree.nic("eno1", nic)
    tree.default_route("eno1")
    _kernel(tree, kernel_of(root), args, loader)
    tree.finish()


def _kernel(tree: TreeBuilder, version: str, args: str, loader: str) -> None:
    args = f"root=/dev/sda2 ro {args}"
    if loader == "systemd-boot":
        tree.write("/proc/cmdline", f"initrd=\\x\\{version}\\initrd.img {args}\n")
        tree.write(esp.LOADER_INFO, b"\7\0\0\0" + "systemd-boot 252\0".encode("utf-16-le"))
    else:
        tree.write("/proc/cmdline", f"BOOT_IMAGE=/boot/vmlinuz-{version} {args}\n")
    tree.write("/proc/sys/kernel/osrelease", version + "\n")
    tree.write("/proc/sys/kernel/hostname", "kvm-01\n")
    tree.write("/proc/sys/kernel/random/boot_id", "11111111-2222-3333-4444-555555555555\n")
    tree.write("/proc/meminfo", "MemTotal:       32768000 kB\nMemFree:        30000000 kB\n")
