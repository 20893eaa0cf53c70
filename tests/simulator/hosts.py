"""Whole hosts for examples, goldens and benchmarks: what a person would meet, in short."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.simulator.tree import TreeBuilder, offers_vfs

KERNEL = "6.1.0-30-amd64"
ROOT = "root=UUID=0b6c1b7c-5a3f-4f63-9d39-6a0f3f1f2a11 ro"

GRUB_MKCONFIG = """#!/bin/sh
# Debian's reads /etc/default/grub.d/*.cfg after /etc/default/grub.
"""


# A few lines in the format of pci.ids, in our own selection.
PCI_IDS = """1002  Advanced Micro Devices, Inc. [AMD/ATI]
	731f  Navi 10 [Radeon RX 5600 OEM/5600 XT / 5700/5700 XT]
	ab38  Navi 10 HDMI Audio
1022  Advanced Micro Devices, Inc. [AMD]
	1480  Starship/Matisse Root Complex
	1483  Starship/Matisse GPP Bridge
	148c  Starship USB 3.0 Host Controller
	149c  Matisse USB 3.0 Host Controller
10de  NVIDIA Corporation
	228b  GA104 High Definition Audio Controller
	24b0  GA104GL [RTX A4000]
	2489  GA104 [GeForce RTX 3060 Ti Lite Hash Rate]
1a03  ASPEED Technology, Inc.
	2000  ASPEED Graphics Family
144d  Samsung Electronics Co Ltd
	a80a  NVMe SSD Controller PM9A1/PM9A3/980PRO
8086  Intel Corporation
	1521  I350 Gigabit Network Connection
	1539  I211 Gigabit Network Connection
	154c  Ethernet Virtual Function 700 Series
	1572  Ethernet Controller X710 for 10GbE SFP+
	1a1d  Ethernet Connection (17) I219-LM
	2020  Sky Lake-E DMI3 Registers
	460d  12th Gen Core Processor PCI Express x16 Controller #1
	464d  12th Gen Core Processor PCI Express x4 Controller #0
	4660  12th Gen Core Processor Host Bridge/DRAM Registers
	4680  AlderLake-S GT1 [UHD Graphics 770]
	7ae0  Alder Lake-S PCH USB 3.2 Gen 2x2 XHCI Controller
"""


def debian(t: TreeBuilder, hostname: str, machine_id: str, args: str = "quiet") -> None:
    """Debian with GRUB by grub-mkconfig and initramfs-tools; one kernel."""
    t.write("/etc/hostname", hostname + "\n")
    t.write("/etc/machine-id", machine_id + "\n")
    pretty = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'
    t.write("/etc/os-release", f'{pretty}ID=debian\nVERSION_ID="12"\n')
    t.write("/usr/share/misc/pci.ids", PCI_IDS)
    t.write("/proc/sys/kernel/hostname", hostname + "\n")
    t.write("/proc/sys/kernel/osrelease", KERNEL + "\n")
    t.write("/proc/sys/kernel/random/boot_id", "6f1e2c1e-0000-4000-8000-000000000001\n")
    t.write("/proc/cmdline", f"BOOT_IMAGE=/boot/vmlinuz-{KERNEL} {ROOT} {args}\n")
    for program in ("grub-mkconfig", "grub-script-check", "update-initramfs"):
        t.write(f"/usr/sbin/{program}", GRUB_MKCONFIG)
        (t.root / f"usr/sbin/{program}").chmod(0o755)
    t.mkdir("/etc/initramfs-tools")
    t.mkdir("/etc/modprobe.d")
    t.mkdir("/etc/default/grub.d")
    t.write("/etc/default/grub", f'GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX_DEFAULT="{args}"\n')
    t.write(f"/boot/initrd.img-{KERNEL}", "")
    t.write(f"/boot/vmlinuz-{KERNEL}", "")
    t.write(f"/lib/modules/{KERNEL}/kernel/drivers/vfio/pci/vfio-pci.ko", "")
    t.write(f"/lib/modules/{KERNEL}/modules.builtin", "kernel/fs/ext4/ext4.ko\n")
    t.write("/boot/grub/grub.cfg", grub_cfg(args))


def grub_cfg(args: str) -> str:
    """What grub-mkconfig makes of one kernel, shortened to what matters."""
    linux = f"linux\t/boot/vmlinuz-{KERNEL} {ROOT}"
    initrd = f"initrd\t/boot/initrd.img-{KERNEL}"
    return (
        "### BEGIN /etc/grub.d/10_linux ###\n"
        "menuentry 'Debian GNU/Linux' --class debian $menuentry_id_option 'gnulinux-simple-1' {\n"
        f"\t{linux}  {args}\n\t{initrd}\n}}\n"
        "submenu 'Advanced options' $menuentry_id_option 'gnulinux-advanced-1' {\n"
        f"\tmenuentry 'Debian GNU/Linux, with Linux {KERNEL}' "
        "$menuentry_id_option 'gnulinux-2' {\n"
        f"\t\t{linux}  {args}\n\t\t{initrd}\n\t}}\n"
        f"\tmenuentry 'Debian GNU/Linux, with Linux {KERNEL} (recovery mode)' "
        "$menuentry_id_option 'gnulinux-3' {\n"
        f"\t\t{linux} single \n\t\t{initrd}\n\t}}\n}}\n"
        "### END /etc/grub.d/10_linux ###\n"
    )


def cpus(t: TreeBuilder, sockets: int, cores: int, vendor: str, flags: str, gib: int) -> None:
    """Two threads a core, the second threads numbered after all first ones; a node a socket."""
    total = sockets * cores * 2
    base = "/sys/devices/system/cpu"
    for name in ("online", "possible", "present"):
        t.write(f"{base}/{name}", f"0-{total - 1}\n")
    t.write(f"{base}/isolated", "\n")
    t.write(f"{base}/smt/active", "1\n")
    info = []
    for cpu in range(total):
        first = cpu % (sockets * cores) // cores * cores
        second = first + sockets * cores
        package = f"{first}-{first + cores - 1},{second}-{second + cores - 1}\n"
        t.write(f"{base}/cpu{cpu}/topology/core_siblings_list", package)
        core = cpu % (sockets * cores)
        socket = core // cores
        twin = f"{core},{core + sockets * cores}\n"
        here = f"{base}/cpu{cpu}"
        t.write(f"{here}/topology/core_id", f"{core % cores}\n")
        t.write(f"{here}/topology/physical_package_id", f"{socket}\n")
        t.write(f"{here}/topology/die_id", "0\n")
        t.write(f"{here}/topology/thread_siblings_list", twin)
        t.write(f"{here}/topology/core_cpus_list", twin)
        t.link(f"{here}/node{socket}", f"/sys/devices/system/node/node{socket}")
        info.append(f"processor\t: {cpu}\nvendor_id\t: {vendor}\nflags\t\t: {flags}\n")
    t.write("/proc/cpuinfo", "\n".join(info))
    t.write("/dev/kvm", "")
    t.mkdir(f"/sys/module/{'kvm_intel' if 'vmx' in flags else 'kvm_amd'}")
    t.write("/proc/meminfo", f"MemTotal: {gib << 20} kB\nMemAvailable: {(gib - 2) << 20} kB\n")
    for node in range(sockets):
        _node(t, node, sockets, cores, gib // sockets)
    t.write("/sys/devices/system/node/online", f"0-{sockets - 1}\n" if sockets > 1 else "0\n")


def _node(t: TreeBuilder, node: int, nodes: int, cores: int, gib: int) -> None:
    base = f"/sys/devices/system/node/node{node}"
    first, second = node * cores, nodes * cores + node * cores
    t.write(f"{base}/cpulist", f"{first}-{first + cores - 1},{second}-{second + cores - 1}\n")
    distances = " ".join("10" if other == node else "21" for other in range(nodes))
    t.write(f"{base}/distance", distances + "\n")
    total = f"Node {node} MemTotal: {gib << 20} kB\nNode {node} MemFree: {(gib - 1) << 20} kB\n"
    t.write(f"{base}/meminfo", total)
    for size in (2048, 1048576):
        for home in (f"{base}/hugepages", "/sys/kernel/mm/hugepages"):
            for name in ("nr_hugepages", "free_hugepages", "surplus_hugepages"):
                t.write(f"{home}/hugepages-{size}kB/{name}", "0\n")
            if home.startswith("/sys/kernel"):
                t.write(f"{home}/hugepages-{size}kB/resv_hugepages", "0\n")


def system_disk(t: TreeBuilder, function: str) -> None:
    """The function carries the root file system and the ESP."""
    disk = t.disk("nvme0n1", function, bus="nvme/nvme0")
    t.mount(t.partition(disk, 2), "/")
    t.mount(t.partition(disk, 1), "/boot/efi", "vfat")


def intel_workstation(t: TreeBuilder) -> None:
    """One NVIDIA card beside the processor's own graphics; VT-d in firmware, not switched on."""
    debian(t, "workshop", "4c4c4544004b3510804bb4c04f4a4233")
    cpus(t, 1, 8, "GenuineIntel", "fpu vmx pdpe1gb", 64)
    t.iommu(unit="")
    t.function("0000:00:00.0", "0x060000", "8086:4660", subsystem="1043:8882")
    t.function("0000:00:02.0", "0x030000", "8086:4680", driver="i915", boot_vga="1")
    t.function("0000:00:01.0", "0x060400", "8086:460d", driver="pcieport")
    port, made = "0000:00:01.0", "1462:3909"
    t.function(
        "0000:01:00.0", "0x030000", "10de:2489", driver="nouveau", below=port, subsystem=made
    )
    t.function(
        "0000:01:00.1", "0x040300", "10de:228b", driver="snd_hda_intel", below=port, subsystem=made
    )
    t.function("0000:00:14.0", "0x0c0330", "8086:7ae0", driver="xhci_hcd")
    nic = t.function("0000:00:1f.6", "0x020000", "8086:1a1d", driver="e1000e")
    t.default_route(t.nic("eno1", nic))
    t.function("0000:00:06.0", "0x060400", "8086:464d", driver="pcieport")
    port = "0000:00:06.0"
    system_disk(t, t.function("0000:02:00.0", "0x010802", "144d:a80a", driver="nvme", below=port))


def amd_workstation(t: TreeBuilder) -> None:
    """Two identical Radeon cards, one for the host and one for a VM; the IOMMU runs."""
    debian(t, "studio", "9f0d3c1b2a4e4f6789abcdef01234567")
    cpus(t, 1, 12, "AuthenticAMD", "fpu svm pdpe1gb", 64)
    t.iommu(unit="ivhd0", table="IVRS")
    t.function("0000:00:00.0", "0x060000", "1022:1480", group=0)
    for slot, (bus, group) in enumerate({"0a": 14, "0b": 16}.items()):
        bridge = f"0000:00:03.{slot + 1}"
        t.function(bridge, "0x060400", "1022:1483", driver="pcieport", group=group - 10)
        made = "1da2:e411"
        vga, audio = f"0000:{bus}:00.0", f"0000:{bus}:00.1"
        shown = "1" if slot == 0 else "0"
        t.function(
            vga,
            ids="1002:731f",
            driver="amdgpu",
            group=group,
            boot_vga=shown,
            below=bridge,
            subsystem=made,
        )
        t.function(
            audio,
            "0x040300",
            "1002:ab38",
            driver="snd_hda_intel",
            group=group + 1,
            below=bridge,
            subsystem=made,
        )
    nic = t.function("0000:05:00.0", "0x020000", "8086:1539", driver="igb", group=20)
    t.default_route(t.nic("enp5s0", nic))
    t.function("0000:0d:00.3", "0x0c0330", "1022:149c", driver="xhci_hcd", group=25)
    system_disk(t, t.function("0000:04:00.0", "0x010802", "144d:a80a", driver="nvme", group=19))


def sriov_server(t: TreeBuilder) -> None:
    """Two sockets, two ports of 10G Ethernet with virtual functions, management on a third."""
    debian(t, "telco-07", "0123456789abcdef0123456789abcdef", "quiet intel_iommu=on iommu=pt")
    cpus(t, 2, 16, "GenuineIntel", "fpu vmx pdpe1gb", 256)
    t.iommu()
    t.function("0000:00:00.0", "0x060000", "8086:2020", group=0, numa=0)
    nic = t.function("0000:04:00.0", "0x020000", "8086:1521", driver="igb", group=10, numa=0)
    t.default_route(t.nic("eno1", nic))
    for port, path in enumerate(ethernet_ports(t, "0000:3b:00", group=40, numa=0)):
        t.nic(f"ens1f{port}", path, f"3c:fd:fe:00:00:0{port}")
    system_disk(
        t, t.function("0000:5e:00.0", "0x010802", "144d:a80a", driver="nvme", group=60, numa=0)
    )


def ethernet_ports(t: TreeBuilder, slot: str, *, group: int, numa: int) -> list[str]:
    """The paths of an X710's two ports, each in a group of its own, with VFs to offer."""
    return [
        t.function(
            f"{slot}.{port}",
            "0x020000",
            "8086:1572",
            driver="i40e",
            group=group + port,
            numa=numa,
            **offers_vfs(64, "154c"),
        )
        for port in (0, 1)
    ]


def many_functions(t: TreeBuilder, count: int) -> None:
    """A Debian host with ``count`` endpoints in groups of their own, for measuring."""
    debian(t, "many", "ffffffffffffffffffffffffffffffff", "quiet iommu=pt")
    cpus(t, 1, 4, "AuthenticAMD", "fpu svm pdpe1gb", 32)
    t.iommu(unit="ivhd0", table="IVRS")
    system_disk(t, t.function("0000:00:01.0", "0x010802", "144d:a80a", driver="nvme", group=0))
    for n in range(1, count):
        domain, rest = divmod(n, 1024)
        bus, slot = divmod(rest, 8)
        address = f"{domain:04x}:{bus + 1:02x}:00.{slot}" if count > 256 else f"0000:{n:02x}:00.0"
        t.function(address, "0x020000", "8086:10fb", driver="ixgbe", group=n)


HOSTS: dict[str, Callable[[TreeBuilder], None]] = {
    "intel-workstation": intel_workstation,
    "amd-workstation": amd_workstation,
    "sriov-server": sriov_server,
}


def build(name: str, root: Path) -> TreeBuilder:
    """The host of that name under ``root``, finished."""
    t = TreeBuilder(root)
    HOSTS[name](t)
    t.finish()
    return t
