"""The machines that the lab emulates, as QEMU arguments, and the addresses of what is in them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from .base import HERE

# Addresses that tests may name: the same in every kind that has devices, BIOS or UEFI (README.md).
NIC = "0000:01:00.0"
NIC_TWIN = "0000:02:00.0"
CARD = ("0000:03:00.0", "0000:03:00.1")
BRIDGE_NICS = ("0000:05:01.0", "0000:05:02.0")
NVME_SRIOV = "0000:06:00.0"
NVME_PLAIN = "0000:07:00.0"
XHCI = "0000:08:00.0"
VIRTIO_GPU = "0000:09:00.0"
HDA = "0000:00:1b.0"
NIC_NODE1 = "0000:81:00.0"

# TCG's "max" less what makes emulation slow: 5-level page tables, the access checks that end a
# translation block, and copying by "rep movsb", which is done byte by byte. As AMD it offers SVM,
# so the guest has /dev/kvm, but no SMT. As an Intel Atom it has SMT and is exempt from page table
# isolation and retpolines.
_AMD_CPU = "max,la57=off,-erms,-smap,-smep,-umip,-pku"
_INTEL_CPU = f"{_AMD_CPU},vendor=GenuineIntel,family=6,model=28,stepping=10"


def documented() -> dict[str, str]:
    """The table of README.md: address to vendor:device."""
    row = r"^\| `(0000:[0-9a-f:.]+)` \| `([0-9a-f]{4}:[0-9a-f]{4})` \|"
    return dict(re.findall(row, (HERE / "README.md").read_text(), re.MULTILINE))


@dataclass(slots=True)
class _Board:
    """QEMU arguments in the making; root ports are numbered, so bus numbers are predictable."""

    argv: list[str] = field(default_factory=list)
    ports: int = 0

    def add(self, *words: str) -> None:
        self.argv.extend(words)

    def device(self, *options: str) -> None:
        self.add("-device", ",".join(options))

    def port(self, slot: int, bus: str = "pcie.0") -> str:
        """A new PCIe root port; what is plugged into it gets the next bus number."""
        self.ports += 1
        name = f"rp{self.ports}"
        self.device(
            "pcie-root-port",
            f"id={name}",
            f"bus={bus}",
            f"addr={slot:#x}",
            f"chassis={self.ports}",
            f"slot={self.ports}",
        )
        return f"bus={name}"


def small(kvm: bool) -> list[str]:
    """No IOMMU, two CPUs, nothing to pass through: for building images."""
    cpu = "host" if kvm else _AMD_CPU
    return ["-machine", "q35", "-smp", "2", "-m", "2G", "-cpu", cpu]


def intel(kvm: bool) -> list[str]:
    """The standard host: Intel IOMMU, SMT, two NUMA nodes, every device."""
    return _host(kvm, _INTEL_CPU, "intel-iommu,intremap=on,caching-mode=on")


def amd(kvm: bool) -> list[str]:
    """The same devices behind an AMD IOMMU; the guest has /dev/kvm; threads are cores here."""
    return _host(kvm, _AMD_CPU, "amd-iommu,intremap=on")


def noiommu(kvm: bool) -> list[str]:
    """The same devices and no IOMMU, in no ACPI table either."""
    return _host(kvm, _INTEL_CPU, "")


KINDS: dict[str, Callable[[bool], list[str]]] = {
    "intel": intel,
    "amd": amd,
    "noiommu": noiommu,
    "small": small,
}


def _host(kvm: bool, cpu: str, iommu: str) -> list[str]:
    board = _Board()
    # Interrupt remapping needs the interrupt controller, or half of it, in QEMU.
    board.add("-machine", "q35,kernel-irqchip=split" if kvm else "q35")
    board.add("-cpu", "host" if kvm else cpu)
    _processors_and_memory(board)
    if iommu:
        board.device(iommu)  # before every device that it is to translate for
    _root_ports(board)
    board.device("ich9-intel-hda", "bus=pcie.0", "addr=0x1b")
    # A second host bridge, which belongs to NUMA node 1.
    board.device("pxb-pcie", "id=pxb1", "bus=pcie.0", "bus_nr=0x80", "numa_node=1", "addr=0x9")
    board.device("e1000e", board.port(0x0, "pxb1"), "mac=52:54:00:00:00:05")
    return board.argv


def _processors_and_memory(board: _Board) -> None:
    """Two nodes of four threads (CPU pairs 0-1, 2-3, ... share a core) and 4 GiB each."""
    board.add("-m", "8G", "-smp", "8,sockets=2,cores=2,threads=2")
    for node in (0, 1):
        board.add("-object", f"memory-backend-ram,id=m{node},size=4G")
        board.add("-numa", f"node,nodeid={node},cpus={4 * node}-{4 * node + 3},memdev=m{node}")
    board.add("-numa", "dist,src=0,dst=1,val=20")


def _root_ports(board: _Board) -> None:
    """Slots 10.0 to 17.0, buses 01 to 09: the order makes the addresses above."""
    board.device("e1000e", board.port(0x10), "mac=52:54:00:00:00:01")
    board.device("e1000e", board.port(0x11), "mac=52:54:00:00:00:02")
    # A "graphics card" of two functions that share a group: display .0, HD audio .1.
    card = board.port(0x12)
    board.device("bochs-display", card, "addr=0.0", "multifunction=on")
    board.device("ich9-intel-hda", card, "addr=0.1")
    # Two conventional PCI NICs behind a PCIe-to-PCI bridge: one group that cannot be split.
    board.device("pcie-pci-bridge", "id=pcibr", board.port(0x13))
    board.device("e1000", "bus=pcibr", "addr=0x1", "mac=52:54:00:00:00:03")
    board.device("e1000", "bus=pcibr", "addr=0x2", "mac=52:54:00:00:00:04")
    _nvme(board)
    board.device("qemu-xhci", board.port(0x16))
    board.device("virtio-gpu-pci", board.port(0x17))


def _nvme(board: _Board) -> None:
    """One controller with four virtual functions (they need a subsystem), and a plain one."""
    board.device("nvme-subsys", "id=sub0")
    board.device(
        "nvme",
        board.port(0x14),
        "serial=sriov",
        "subsys=sub0",
        "sriov_max_vfs=4",
        "sriov_vq_flexible=8",
        "sriov_vi_flexible=4",
        "max_ioqpairs=26",
        "msix_qsize=13",
    )
    # Empty at every start: what is written goes to a file in $TMPDIR that nobody else sees.
    null = "format=raw,file.driver=null-co,file.size=64M,file.read-zeroes=on"
    board.add("-drive", f"if=none,id=nv0,{null},snapshot=on")
    board.device("nvme", board.port(0x15), "serial=plain", "drive=nv0")
