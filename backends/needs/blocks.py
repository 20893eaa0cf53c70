"""From a block device down to PCI functions, through every layer that sysfs shows.

Sources: block/genhd.c and block/holder.c (slaves, holders), drivers/nvme/host (subsystems,
fabrics), drivers/md/bcache, drivers/scsi/scsi_transport_iscsi.c.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from backends.needs.carriers import NOTHING, Carriers, carried_by, union, unknown
from backends.needs.classes import class_device, hardware
from backends.reader import Reader
from specs.values import PciAddress

BLOCK = "/sys/class/block"
_MEMORY = re.compile(r"(ram|zram)[0-9]+")
_CONTROLLER = re.compile(r"nvme[0-9]+")
_STACKED = re.compile(r"(loop|zram|ram|nbd|rbd|dm-|md|zd)[0-9]+")
# A disk whose name ends in a digit has a p before the number: block/partitions/core.c.
_PARTITION = re.compile(r"(.*[0-9])p[0-9]+|(.*[a-z])[0-9]+")

FileCarriers = Callable[[str], Carriers]
HostCarriers = Callable[[str], Carriers]


class BlockDevices:
    """The block devices of a host; each is followed once."""

    def __init__(self, reader: Reader, *, file: FileCarriers, host: HostCarriers) -> None:
        """``file`` says what carries a file's contents, ``host`` what the route to a host uses."""
        self._reader = reader
        self._file = file
        self._host = host
        listed = {name: class_device(reader, f"{BLOCK}/{name}") for name in reader.list(BLOCK)}
        self._paths = listed or self._disks()
        self._numbers = {self._text(name, "dev"): name for name in self._paths}
        mapped = (name for name in self._paths if name.startswith("dm-"))
        self.mapped = {self._text(name, "dm/name"): name for name in mapped}
        self._known: dict[str, Carriers] = {}

    def _disks(self) -> dict[str, str]:
        """From /sys/block or /sys/dev/block, which some recordings have instead: partitions lie
        below disks."""
        base = "/sys/dev/block"
        numbered = (class_device(self._reader, f"{base}/{n}") for n in self._reader.list(base))
        found = {path.rsplit("/", 1)[-1]: path for path in numbered if not path.startswith(base)}
        for disk in self._reader.list("/sys/block"):
            path = self._reader.realpath(f"/sys/block/{disk}")
            found[disk] = path
            parts = (n for n in self._reader.list(path) if n.startswith(disk))
            found |= {part: f"{path}/{part}" for part in parts}
        return found

    def _text(self, name: str, attribute: str) -> str:
        return (self._reader.read_text(f"{self._paths[name]}/{attribute}") or "").strip()

    def __contains__(self, name: object) -> bool:
        return name in self._paths

    def on_hardware(self) -> frozenset[PciAddress]:
        """Every function that has a block device on or below it."""
        above = (hardware(self._reader, path) for path in self._paths.values())
        return union(a for a in above if a is not None).functions

    def names(self) -> tuple[str, ...]:
        """Kernel names of all block devices."""
        return tuple(self._paths)

    def by_number(self, number: str) -> str | None:
        """The kernel name of ``MAJ:MIN``."""
        return self._numbers.get(number)

    def by_path(self, path: str) -> str | None:
        """The kernel name of a /dev path: through udev's links, or device-mapper's names. A
        partition that only a mount table knows is as good as its disk."""
        name = self._reader.realpath(path).rsplit("/", 1)[-1]
        if name in self._paths:
            return name
        match = _PARTITION.fullmatch(name)
        disk = match and (match[1] or match[2])
        return disk if disk in self._paths else self.mapped.get(_mapper_name(path))

    def carriers(self, name: str) -> Carriers:
        """What carries the device ``name``; a name that sysfs does not have is unknown."""
        if name not in self._paths:
            return unknown("storage", f"{name} is not in {BLOCK}")
        if name not in self._known:
            self._known[name] = NOTHING  # a cycle adds nothing
            self._known[name] = self._follow(name)
        return self._known[name]

    def _follow(self, name: str) -> Carriers:
        path = self._paths[name]
        names = self._reader.list(path)
        if "partition" in names and (disk := path.split("/")[-2]) in self._paths:
            return self.carriers(disk)
        slaves = self._reader.list(f"{path}/slaves") if "slaves" in names else ()
        below = [self.carriers(slave) for slave in slaves]
        if "bcache" in names:
            below.append(self._bcache(path))
        if below:
            return union(below)
        if "/virtual/" in path or _STACKED.fullmatch(name):
            return self._virtual(name, path, names)
        return self._hardware(name, path)

    def _hardware(self, name: str, path: str) -> Carriers:
        # A platform device (eMMC on ACPI, NVDIMM) has no PCI function above it: that is an answer.
        above = hardware(self._reader, path)
        if above is None:
            return unknown("storage", f"{path} does not say which hardware {name} is on")
        parts = path.split("/")
        sessions = [i for i, part in enumerate(parts) if re.fullmatch(r"session[0-9]+", part)]
        if sessions:
            return above | self._iscsi("/".join(parts[: sessions[0] + 1]))
        return above

    def _iscsi(self, session: str) -> Carriers:
        found = []
        for name in self._reader.list(session):
            if name.startswith("connection"):
                base = f"{session}/{name}/iscsi_connection/{name}"
                address = self._reader.read_text(f"{base}/address") or ""
                found.append(self._host(address.strip()))
        return union(found) if found else unknown("network", f"{session} shows no connection")

    def _virtual(self, name: str, path: str, names: tuple[str, ...]) -> Carriers:
        if "/nvme-subsystem/" in path:
            return self._subsystem(path.rsplit("/", 1)[0])
        if "/nvme-fabrics/" in path:
            return self._fabrics(path.rsplit("/", 1)[0])
        if name.startswith("loop"):
            return self._loop(path, names)
        if _MEMORY.fullmatch(name):
            return NOTHING
        if name.startswith(("nbd", "rbd")):
            return unknown("network", f"{name} is a network disk whose server sysfs does not name")
        return unknown("storage", f"{name} is virtual and shows nothing below it")

    def _loop(self, path: str, names: tuple[str, ...]) -> Carriers:
        if "loop" not in names:
            return NOTHING  # not set up
        backing = self._reader.read_text(f"{path}/loop/backing_file") or ""
        return self._file(backing.rstrip("\n").removesuffix(" (deleted)"))

    def _subsystem(self, path: str) -> Carriers:
        links = [n for n in self._reader.list(path) if _CONTROLLER.fullmatch(n)]
        if not links:
            return unknown("storage", f"{path} lists no controller")
        return union(self._controller(self._reader.realpath(f"{path}/{link}")) for link in links)

    def _controller(self, path: str) -> Carriers:
        return self._fabrics(path) if "/nvme-fabrics/" in path else carried_by(path)

    def _fabrics(self, controller: str) -> Carriers:
        transport = (self._reader.read_text(f"{controller}/transport") or "").strip()
        if transport == "fc":
            base = "/sys/class/fc_host"
            hosts = (self._reader.realpath(f"{base}/{n}") for n in self._reader.list(base))
            return union(carried_by(host) for host in hosts)
        address = self._reader.read_text(f"{controller}/address") or ""
        fields = dict(part.partition("=")[::2] for part in address.strip().split(","))
        return self._host(fields.get("traddr", ""))

    def _bcache(self, path: str) -> Carriers:
        """The cache set of a bcache device, or of a backing device that is used as one."""
        cache = self._reader.realpath(f"{path}/bcache/cache")
        links = [n for n in self._reader.list(cache) if re.fullmatch(r"cache[0-9]+", n)]
        # cacheN leads to .../block/NAME/bcache
        owners = (self._reader.realpath(f"{cache}/{n}").split("/")[-2:-1] for n in links)
        known = [owner[0] for owner in owners if owner and owner[0] in self._paths]
        return union(map(self.carriers, known))

    def holders(self, name: str) -> tuple[str, ...]:
        """Readable names of the devices that device-mapper or md have stacked on this one."""
        found = self._reader.list(f"{self._paths[name]}/holders")
        return tuple(self._readable(holder) for holder in found)

    def _readable(self, name: str) -> str:
        return next((known for known, dm in self.mapped.items() if dm == name and known), name)


def _mapper_name(path: str) -> str:
    """device-mapper's name of /dev/mapper/NAME or /dev/VG/LV (hyphens doubled: lvm(8))."""
    parts = path.removeprefix("/dev/").split("/")
    if parts[0] == "mapper" and len(parts) == 2:
        return parts[1]
    return "-".join(part.replace("-", "--") for part in parts) if len(parts) == 2 else ""
