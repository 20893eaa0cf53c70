"""Hosts from short descriptions: a sysfs and procfs tree that TreeReader reads like a real one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backends.reader import Done, TreeReader

# The driver that a distribution's kernel gives to a function of this class.
USUAL_DRIVERS = {
    "0604": "pcieport",
    "0106": "ahci",
    "0108": "nvme",
    "0300": "nouveau",
    "0200": "e1000e",
    "0403": "snd_hda_intel",
    "0c03": "xhci_hcd",
    "0c05": "i801_smbus",
}


def offers_vfs(total: int, device: str, *, offset: int = 16) -> dict[str, Any]:
    """What sysfs has of a physical function that can make VFs of this device id (four digits)."""
    return {
        "sriov_totalvfs": str(total),
        "sriov_numvfs": "0",
        "sriov_drivers_autoprobe": "1",
        "sriov_offset": str(offset),
        "sriov_stride": "1",
        "sriov_vf_device": device,
    }


@dataclass
class TreeBuilder:
    """Builds a host under ``root``. Methods return what the next layer is stacked on."""

    root: Path
    mounts: list[str] = field(default_factory=list)
    routes: list[str] = field(default_factory=list)
    swaps: list[str] = field(default_factory=list)
    numbers: dict[str, str] = field(default_factory=dict)
    programs: dict[tuple[str, ...], Done] = field(default_factory=dict)
    _minor: int = 0
    _made: set[str] = field(default_factory=set)

    def write(self, path: str, text: str | bytes) -> None:
        """A file with this content, its folders made."""
        data = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
        fd = os.open(self._place(path), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.write(fd, data)
        os.close(fd)

    def link(self, path: str, target: str) -> None:
        """A relative symlink to the host path ``target``, as sysfs makes them."""
        full = self._place(path)
        if os.path.lexists(full):
            os.unlink(full)
        os.symlink(_relative(target, path), full)

    def mkdir(self, path: str) -> None:
        """An empty directory."""
        self._place(path + "/x")

    def _place(self, path: str) -> str:
        """The path on this machine, its parents made once."""
        full = f"{self.root}{path}"
        parent = full.rsplit("/", 1)[0]
        if parent not in self._made:
            os.makedirs(parent, exist_ok=True)
            self._made.add(parent)
        return full

    def program(self, argv: Sequence[str], out: str, rc: int = 0) -> None:
        """What a program will print when it is asked for."""
        self.programs[tuple(argv)] = Done(tuple(argv), rc, out, "")

    def reader(self) -> TreeReader:
        """The finished host."""
        self.finish()
        return TreeReader(self.root, lambda argv, timeout: self.programs.get(tuple(argv)))

    def finish(self) -> None:
        """Write the tables that were gathered."""
        head = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
        self.write("/proc/net/route", head + "".join(self.routes))
        self.write("/proc/self/mountinfo", "".join(self.mounts))
        swaps = "Filename\tType\tSize\tUsed\tPriority\n" + "".join(self.swaps)
        self.write("/proc/swaps", swaps)
        types = ("sysfs", "tmpfs", "proc", "overlay", "nfs4", "9p", "fuse", "zfs", "autofs")
        self.write("/proc/filesystems", "".join(f"nodev\t{t}\n" for t in types) + "\text4\n")

    # --- PCI -------------------------------------------------------------------------------------

    def function(
        self,
        bdf: str,
        class_code: str = "0x030000",
        ids: str = "10de:2489",
        *,
        below: str = "",
        driver: str | None = None,
        group: int | None = None,
        subsystem: str = "1458:403b",
        numa: int = -1,
        reset: str | None = "flr bus",
        **attributes: str,
    ) -> str:
        """A function, below the bridges ``below`` (addresses joined by /). Returns its path."""
        domain = bdf.rsplit(":", 2)[0]
        path = "/".join(p for p in (f"/sys/devices/pci{domain}:00", below, bdf) if p)
        vendor, device = ids.split(":")
        sub_vendor, sub_device = subsystem.split(":")
        values = {
            "class": class_code,
            "vendor": f"0x{vendor}",
            "device": f"0x{device}",
            "subsystem_vendor": f"0x{sub_vendor}",
            "subsystem_device": f"0x{sub_device}",
            "revision": "0xa1",
            "driver_override": "(null)",
            "numa_node": str(numa),
            "local_cpulist": "0-3",
            "d3cold_allowed": "1",
            "power_state": "D0",
            **attributes,
        }
        if reset is not None:
            values["reset_method"] = reset
        for name, value in values.items():
            self.write(f"{path}/{name}", value + "\n")
        self.link(f"/sys/bus/pci/devices/{bdf}", path)
        if driver:
            self.bind(path, driver)
        if group is not None:
            self.member(path, group)
        return path

    def bind(self, path: str, driver: str) -> None:
        """Give the function at ``path`` a driver."""
        home = f"/sys/bus/pci/drivers/{driver}"
        self.mkdir(home)
        self.link(f"{home}/{path.rsplit('/', 1)[-1]}", path)
        self.link(f"{path}/driver", home)

    def member(self, path: str, group: int, kind: str = "DMA-FQ") -> None:
        """Put the function at ``path`` into an IOMMU group."""
        home = f"/sys/kernel/iommu_groups/{group}"
        self.link(f"{home}/devices/{path.rsplit('/', 1)[-1]}", path)
        self.link(f"{path}/iommu_group", home)
        self.write(f"{home}/type", kind + "\n")
        regions = "0x00000000fee00000 0x00000000feefffff msi\n"
        if not (self.root / home.lstrip("/") / "reserved_regions").exists():
            self.write(f"{home}/reserved_regions", regions)

    def iommu(self, unit: str = "dmar0", table: str = "DMAR") -> None:
        """Firmware's table and, unless ``unit`` is empty, a running unit."""
        self.write(f"/sys/firmware/acpi/tables/{table}", b"DMAR")
        if unit:
            self.link(f"/sys/class/iommu/{unit}", f"/sys/devices/virtual/iommu/{unit}")
            self.write("/sys/kernel/irq/1/chip_name", "IR-IO-APIC\n")

    def cpu(self, vendor: str = "GenuineIntel", flags: str = "fpu vmx") -> None:
        """/proc/cpuinfo of one processor."""
        self.write("/proc/cpuinfo", f"processor\t: 0\nvendor_id\t: {vendor}\nflags\t\t: {flags}\n")

    # --- block devices ---------------------------------------------------------------------------

    def block(self, path: str) -> str:
        """The block device at the sysfs path ``path``. Returns its kernel name."""
        name = path.rsplit("/", 1)[-1]
        self._minor += 1
        self.numbers[name] = f"8:{self._minor}"
        self.write(f"{path}/dev", self.numbers[name] + "\n")
        self.mkdir(f"{path}/holders")
        self.link(f"/sys/class/block/{name}", path)
        self.link(f"/sys/dev/block/{self.numbers[name]}", path)
        self.write(f"/dev/{name}", "")
        return name

    def disk(self, name: str, function: str, bus: str = "ata1/host0/target0:0:0/0:0:0:0") -> str:
        """A disk behind the function at path ``function``."""
        path = f"{function}/{bus}/block/{name}"
        self.mkdir(f"{path}/slaves")
        return self.block(path)

    def partition(self, disk: str, number: int) -> str:
        """A partition; names follow the kernel (nvme0n1p1, sda1)."""
        home = os.path.realpath(self.root / f"sys/class/block/{disk}")
        path = "/" + os.path.relpath(home, self.root)
        name = f"{disk}{'p' if disk[-1].isdigit() else ''}{number}"
        self.write(f"{path}/{name}/partition", f"{number}\n")
        return self.block(f"{path}/{name}")

    def stacked(self, name: str, *slaves: str, dm: str = "") -> str:
        """A virtual device on others: dm-0, md127, bcache0. ``dm`` is device-mapper's name."""
        path = f"/sys/devices/virtual/block/{name}"
        self.mkdir(f"{path}/slaves")
        for slave in slaves:
            self.link(f"{path}/slaves/{slave}", f"/sys/class/block/{slave}")
            self.link(f"/sys/class/block/{slave}/holders/{name}", path)
        if dm:
            self.write(f"{path}/dm/name", dm + "\n")
            self.link(f"/dev/mapper/{dm}", f"/dev/{name}")
        return self.block(path)

    def loop(self, name: str, backing: str) -> str:
        """A loop device on a file."""
        path = f"/sys/devices/virtual/block/{name}"
        self.mkdir(f"{path}/slaves")
        self.write(f"{path}/loop/backing_file", backing + "\n")
        return self.block(path)

    def mount(self, source: str, point: str, fstype: str = "ext4", options: str = "rw") -> None:
        """A mount; ``source`` is a kernel name, or anything for anonymous file systems."""
        number = self.numbers.get(source, "0:40")
        known = source in self.numbers and fstype not in ("btrfs", "zfs", "overlay", "tmpfs")
        source = f"/dev/{source}" if source in self.numbers else source
        line = f"{len(self.mounts) + 20} 1 {number if known else '0:40'} / {point} rw - "
        self.mounts.append(f"{line}{fstype} {source} {options}\n")

    # --- network ---------------------------------------------------------------------------------

    def nic(self, name: str, function: str, mac: str = "52:54:00:00:00:01") -> str:
        """An interface of the function at path ``function``."""
        self.write(f"{function}/net/{name}/address", mac + "\n")
        self.link(f"/sys/class/net/{name}", f"{function}/net/{name}")
        return name

    def virtual_nic(self, name: str, *lower: str, marker: str = "") -> str:
        """A virtual interface on others (bond, bridge, VLAN, macvlan, team)."""
        path = f"/sys/devices/virtual/net/{name}"
        self.write(f"{path}/address", "52:54:00:00:00:02\n")
        for below in lower:
            self.link(f"{path}/lower_{below}", f"/sys/class/net/{below}")
        if marker:
            self.mkdir(f"{path}/{marker}")
        self.link(f"/sys/class/net/{name}", path)
        return name

    def default_route(self, interface: str) -> None:
        """An IPv4 default route."""
        self.routes.append(f"{interface}\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n")

    def subnet(self, interface: str, destination: str, mask: str) -> None:
        """An on-link route; arguments are the hex words of /proc/net/route."""
        self.routes.append(
            f"{interface}\t{destination}\t00000000\t0001\t0\t0\t0\t{mask}\t0\t0\t0\n"
        )


def _relative(target: str, path: str) -> str:
    """``target`` as seen from the directory of the link ``path``."""
    here, there = path.split("/")[1:-1], target.split("/")[1:]
    same = 0
    while same < min(len(here), len(there)) and here[same] == there[same]:
        same += 1
    return "/".join([".."] * (len(here) - same) + there[same:])
