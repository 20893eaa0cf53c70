"""The machine that a copied root pretends to run on: /sys and /proc as plain files."""

from __future__ import annotations

from pathlib import Path

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
    """The version of the one kernel that is installed in the root."""
    (modules,) = (root / "usr/lib/modules").iterdir()
    return modules.name


def simulate(root: Path) -> TreeBuilder:
    """A small host with an Intel IOMMU that runs: a card with two functions in a group of its own,
    a spare NIC, and a disk and a NIC that the host lives on."""
    tree = TreeBuilder(root)
    tree.cpu()
    tree.iommu()
    for port in _PORTS:
        tree.function(port, "0x060400", "8086:1901", driver="pcieport", group=1, reset=None)
    tree.function(GPU, "0x030000", "10de:2489", below=_PORTS[0], driver="nouveau", group=2)
    tree.function(AUDIO, "0x040300", "10de:228b", below=_PORTS[0], driver="snd_hda_intel", group=2)
    tree.function(SPARE, "0x020000", "8086:10d3", below=_PORTS[1], driver="e1000e", group=3)
    disk = tree.function(DISK, "0x010601", "8086:a352", driver="ahci", group=4)
    nic = tree.function(NIC, "0x020000", "8086:15bb", driver="e1000e", group=5)
    tree.disk("sda", disk)
    tree.mount(tree.partition("sda", 2), "/")
    tree.nic("eno1", nic)
    tree.default_route("eno1")
    _kernel(tree, kernel_of(root))
    tree.finish()
    return tree


def _kernel(tree: TreeBuilder, version: str) -> None:
    args = "root=/dev/sda2 ro quiet intel_iommu=on iommu=pt"
    tree.write("/proc/cmdline", f"BOOT_IMAGE=/boot/vmlinuz-{version} {args}\n")
    tree.write("/proc/sys/kernel/osrelease", version + "\n")
    tree.write("/proc/sys/kernel/hostname", "kvm-01\n")
    tree.write("/proc/sys/kernel/random/boot_id", "11111111-2222-3333-4444-555555555555\n")
    tree.write("/proc/meminfo", "MemTotal:       32768000 kB\nMemFree:        30000000 kB\n")
