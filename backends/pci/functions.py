"""PCI functions as sysfs shows them.

Sources: Documentation/ABI/testing/sysfs-bus-pci and Documentation/PCI/sysfs-pci.rst of the kernel.
Attributes that wake a sleeping device when read (config, link speed and width) are not read here,
but for the serial number of those that do not sleep.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from backends.pci.config_space import piecewise, serial_number
from backends.reader import Reader
from specs.record import Record, field, replace
from specs.values import PciAddress

SYSFS = "/sys/bus/pci"
DEVICES = SYSFS + "/devices"
GROUPS = "/sys/kernel/iommu_groups"

# Domains behind Intel VMD have five digits and more: drivers/pci/controller/vmd.c.
_BDF = re.compile(r"[0-9a-f]{4,}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]")
_VIRTFN = re.compile(r"virtfn([0-9]+)")

_HEX = re.compile(r"[0-9a-f]{1,8}")
_ODD = re.compile(r"[^ !#-\[\]-~]")  # what could end a quoted word or a line of a rule


class Sriov(Record):
    """The SR-IOV side of a physical function (drivers/pci/iov.c). Counts are numbers of VFs."""

    total: int
    num: int
    autoprobe: bool | None
    offset: int
    stride: int
    vf_device: str | None


class PciFunction(Record):
    """One function. Ids are four lower-case hex digits without 0x; ``class_code`` is 0x + 6.

    ``asleep`` says of one in D3cold that the kernel has suspended it, and can wake it.
    ``serial`` is that of an NVMe controller; ``device_serial`` is PCI Express's, read on demand.
    """

    VOLATILE = frozenset({"power_state", "asleep"})

    address: PciAddress
    path: str
    class_code: str
    vendor: str
    device: str
    subsystem_vendor: str = ""
    subsystem_device: str = ""
    revision: str = ""
    driver: str | None = None
    driver_override: str | None = None
    iommu_group: int | None = None
    numa_node: int | None = None
    local_cpulist: str = ""
    bridge_header: bool = False
    boot_vga: bool = False
    reset_methods: tuple[str, ...] | None = None
    d3cold_allowed: bool | None = None
    power_state: str = ""
    asleep: bool = False
    slot: str | None = None
    sriov: Sriov | None = None
    physfn: PciAddress | None = None
    virtfns: tuple[PciAddress, ...] = ()
    interfaces: tuple[str, ...] = ()
    macs: tuple[str, ...] = ()
    serial: str | None = None
    device_serial: str | None = None

    @property
    def id(self) -> str:
        """``vendor:device``."""
        return f"{self.vendor}:{self.device}"

    @property
    def subsystem(self) -> str:
        """``vendor:device`` of the subsystem, empty where there is none."""
        return f"{self.subsystem_vendor}:{self.subsystem_device}" if self.subsystem_vendor else ""

    @property
    def modalias(self) -> str:
        """The alias under which modules match it: Documentation/ABI/testing/sysfs-bus-pci,
        drivers/pci/pci-sysfs.c modalias_show."""
        ids = (self.vendor, self.device, self.subsystem_vendor, self.subsystem_device)
        v, d, sv, sd = (f"{int(i or '0', 16):08X}" for i in ids)
        code = self.class_code[2:].upper()
        return f"pci:v{v}d{d}sv{sv}sd{sd}bc{code[:2]}sc{code[2:4]}i{code[4:6]}"

    @property
    def base_class(self) -> str:
        """The first two digits of the class: 03 display, 06 bridge (include/linux/pci_ids.h)."""
        return self.class_code[2:4]

    @property
    def short_class(self) -> str:
        """Class and subclass, four digits, as lspci -n shows them."""
        return self.class_code[2:6]

    @property
    def is_bridge(self) -> bool:
        """A bridge by class: it has no guest to go to, and a driverless one blocks no group."""
        return self.base_class == "06" or self.bridge_header

    @property
    def is_port(self) -> bool:
        """A bridge by header: vfio-pci takes type 0 headers only."""
        return self.bridge_header or self.short_class in ("0604", "0607", "0609")

    @property
    def parents(self) -> tuple[PciAddress, ...]:
        """The bridges and controllers above, root port first."""
        return functions_in(self.path)[:-1]

    @property
    def card(self) -> str:
        """The slot on the bus without the function: what is plugged in and pulled as one."""
        return str(self.address).rsplit(".", 1)[0]


class PciState(Record):
    """Every PCI function of the host, in address order, and the same by id and by IOMMU group:
    who has thousands of functions asks for few of them."""

    VOLATILE = frozenset({"by_id", "by_group"})

    functions: Mapping[PciAddress, PciFunction] = field(default_factory=dict)
    by_id: Mapping[str, Sequence[PciFunction]] = field(default_factory=dict)
    by_group: Mapping[int, Sequence[PciFunction]] = field(default_factory=dict)

    @classmethod
    def of(cls, functions: Iterable[PciFunction]) -> PciState:
        """The state with these functions."""
        ordered = sorted(functions, key=lambda f: f.address)
        by_id: dict[str, list[PciFunction]] = {}
        by_group: dict[int, list[PciFunction]] = {}
        for function in ordered:
            by_id.setdefault(function.id, []).append(function)
            if function.iommu_group is not None:
                by_group.setdefault(function.iommu_group, []).append(function)
        return cls({f.address: f for f in ordered}, by_id, by_group)

    def __iter__(self) -> Iterator[PciFunction]:
        return iter(self.functions.values())

    def get(self, address: PciAddress) -> PciFunction | None:
        """The function at an address, or None."""
        return self.functions.get(address)

    def with_id(self, ids: str) -> Sequence[PciFunction]:
        """The functions with this ``vendor:device``."""
        return self.by_id.get(ids, ())

    def in_group(self, number: int | None) -> Sequence[PciFunction]:
        """The functions of an IOMMU group; none for None."""
        return () if number is None else self.by_group.get(number, ())


def vf_addresses(physical: PciFunction, count: int) -> tuple[PciAddress, ...]:
    """The addresses that ``count`` VFs have, or will have: by the links of those that exist, else
    by offset and stride (drivers/pci/iov.c pci_iov_virtfn_bus). Empty where neither is known."""
    if len(physical.virtfns) >= count:
        return physical.virtfns[:count]
    sriov, base = physical.sriov, physical.address
    if sriov is None or not sriov.offset or (count > 1 and not sriov.stride):
        return ()
    first = (base.bus << 8 | base.slot << 3 | base.function) + sriov.offset
    ids = (first + n * sriov.stride for n in range(count))
    return tuple(PciAddress(base.domain, i >> 8, i >> 3 & 31, i & 7) for i in ids)


def functions_in(path: str) -> tuple[PciAddress, ...]:
    """Every PCI function named by a component of a sysfs path, outermost first."""
    return tuple(PciAddress.parse(part) for part in path.split("/") if _BDF.fullmatch(part))


def observe_pci(reader: Reader, *, device_serials: bool = False) -> PciState:
    """All functions. Each attribute is read once, and only if its directory lists it.

    ``device_serials`` asks each function that is awake for its serial number.
    """
    slots = _slots(reader)
    names = [name for name in reader.list(DEVICES) if _BDF.fullmatch(name)]
    found = [_function(reader, name, slots) for name in names]
    if any(f.iommu_group is None for f in found):
        groups = _listed_groups(reader)
        found = [replace(f, iommu_group=groups.get(f.address, f.iommu_group)) for f in found]
    if device_serials:
        found = [replace(f, device_serial=_device_serial(reader, f)) for f in found]
    return PciState.of(found)


def _listed_groups(reader: Reader) -> dict[PciAddress, int]:
    """Groups by member, as the groups list them: copies may lack the functions' own links."""
    return {
        address: int(number)
        for number in reader.list(GROUPS)
        if number.isdecimal()
        for name in reader.list(f"{GROUPS}/{number}/devices")
        for address in functions_in(name)
    }


def _device_serial(reader: Reader, function: PciFunction) -> str | None:
    part = piecewise(reader, f"{DEVICES}/{function.address}")
    return None if part is None else serial_number(part)


def _slots(reader: Reader) -> dict[str, str]:
    """Physical slot names by ``DDDD:BB:DD`` (drivers/pci/slot.c)."""
    base = SYSFS + "/slots"
    pairs = ((reader.read_text(f"{base}/{name}/address"), name) for name in reader.list(base))
    return {address.strip(): name for address, name in pairs if address}


class _Attributes:
    """The attributes of one device directory; those it does not list cost no system call."""

    def __init__(self, reader: Reader, base: str) -> None:
        self.reader = reader
        self.base = base
        self.names = frozenset(reader.list(base))

    def text(self, name: str) -> str | None:
        if name not in self.names:
            return None
        found = self.reader.read_text(f"{self.base}/{name}", optional=True)
        return None if found is None else found.strip()

    def number(self, name: str) -> int | None:
        found = self.text(name)
        try:
            return None if found is None else int(found, 10)
        except ValueError:
            return None

    def flag(self, name: str) -> bool | None:
        found = self.number(name)
        return None if found is None else bool(found)

    def hex_id(self, name: str) -> str:
        """Digits, which go into files that run programs (udev(7), modprobe.d(5)): a kernel writes
        nothing else, a tree or a capture may hold anything."""
        text = (self.text(name) or "").removeprefix("0x").lower()
        return text if _HEX.fullmatch(text) else "0000"

    def link(self, name: str) -> str | None:
        """The last component of a link's target."""
        if name not in self.names:
            return None
        target = self.reader.readlink(f"{self.base}/{name}")
        last = None if target is None else target.rstrip("/").rsplit("/", 1)[-1]
        return None if last is None else _ODD.sub("?", last)


def _function(reader: Reader, name: str, slots: Mapping[str, str]) -> PciFunction:
    base = f"{DEVICES}/{name}"
    a = _Attributes(reader, base)
    class_code = a.text("class") or "0x000000"
    macs = _macs(reader, a)
    power = a.text("power_state") or ""
    return PciFunction(
        address=PciAddress.parse(name),
        path=_device_path(reader, base),
        class_code=class_code,
        vendor=a.hex_id("vendor"),
        device=a.hex_id("device"),
        subsystem_vendor=a.hex_id("subsystem_vendor"),
        subsystem_device=a.hex_id("subsystem_device"),
        revision=a.hex_id("revision"),
        driver=a.link("driver"),
        driver_override=_override(a.text("driver_override")),
        iommu_group=_group(a.link("iommu_group")),
        numa_node=_node(a.number("numa_node")),
        local_cpulist=a.text("local_cpulist") or "",
        # Shown for headers of type 1 and 2 only: drivers/pci/pci-sysfs.c, pci_bridge_attrs.
        bridge_header="secondary_bus_number" in a.names,
        boot_vga=bool(a.flag("boot_vga")),
        reset_methods=_reset_methods(a),
        d3cold_allowed=a.flag("d3cold_allowed"),
        power_state=power,
        asleep=power == "D3cold" and not _is_active(reader, base),
        slot=slots.get(name.rsplit(".", 1)[0]),
        sriov=_sriov(a),
        physfn=_neighbour(a.link("physfn")),
        virtfns=_virtfns(a),
        interfaces=tuple(macs),
        macs=tuple(mac for mac in macs.values() if mac),
        serial=_serial(reader, a),
    )


def _device_path(reader: Reader, base: str) -> str:
    """The device's own path, from the text of its link: no walk through the parents."""
    target = reader.readlink(base)
    if target is None:
        return base
    return "/sys/" + target.removeprefix("../../../") if target.startswith("../../../") else target


def _override(text: str | None) -> str | None:
    # The kernel prints an unset pointer: drivers/pci/pci-sysfs.c, driver_override_show.
    return None if text in (None, "", "(null)") else text


def _group(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None


def _node(number: int | None) -> int | None:
    return None if number is None or number < 0 else number


def _neighbour(name: str | None) -> PciAddress | None:
    return PciAddress.parse(name) if name and _BDF.fullmatch(name) else None


def _reset_methods(a: _Attributes) -> tuple[str, ...] | None:
    """The usable methods in order; none where the kernel shows no attribute for them, as it does
    for functions that it cannot reset (drivers/pci/pci.c, pci_dev_reset_method_attr_is_visible).

    None where that cannot be told: kernels before 5.15 show only ``reset``, for a function that
    has some method; and a copy of some attributes need not hold this one.
    """
    methods = a.text("reset_method")
    if methods is not None:
        return tuple(methods.split())
    whole = "driver_override" in a.names and "reset" not in a.names
    return () if whole else None


def _is_active(reader: Reader, base: str) -> bool:
    """Whether the kernel believes that it is on (Documentation/power/runtime_pm.rst)."""
    status = reader.read_text(f"{base}/power/runtime_status", optional=True) or ""
    return status.strip() == "active"


def _sriov(a: _Attributes) -> Sriov | None:
    total = a.number("sriov_totalvfs")
    if total is None:
        return None
    return Sriov(
        total=total,
        num=a.number("sriov_numvfs") or 0,
        autoprobe=a.flag("sriov_drivers_autoprobe"),
        offset=a.number("sriov_offset") or 0,
        stride=a.number("sriov_stride") or 0,
        vf_device=a.text("sriov_vf_device"),
    )


def _virtfns(a: _Attributes) -> tuple[PciAddress, ...]:
    numbered = sorted((int(m[1]), m[0]) for n in a.names if (m := _VIRTFN.fullmatch(n)))
    found = (_neighbour(a.link(name)) for _, name in numbered)
    return tuple(address for address in found if address is not None)


def _macs(reader: Reader, a: _Attributes) -> dict[str, str]:
    """Interface name → MAC of the function's own interfaces; virtio has one level more."""
    homes = [n for n in a.names if n == "net"]
    homes += [f"{n}/net" for n in sorted(a.names) if re.fullmatch(r"virtio[0-9]+", n)]
    out = {}
    for home in homes:
        for name in reader.list(f"{a.base}/{home}"):
            mac = reader.read_text(f"{a.base}/{home}/{name}/address") or ""
            out[name] = mac.strip().lower()
    return out


def _serial(reader: Reader, a: _Attributes) -> str | None:
    """The serial number of an NVMe controller (drivers/nvme/host/sysfs.c)."""
    if "nvme" not in a.names:
        return None
    for name in reader.list(f"{a.base}/nvme"):
        text = reader.read_text(f"{a.base}/nvme/{name}/serial", optional=True)
        if text and text.strip():
            return text.strip()
    return None
