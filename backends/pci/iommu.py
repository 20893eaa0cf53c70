"""The IOMMU: groups, units, firmware tables, and why it is not on when it is not.

Sources: kernel ABI files sysfs-class-iommu and sysfs-kernel-iommu_groups, drivers/iommu,
kernel-parameters.txt, virt-host-validate of libvirt.
"""

from __future__ import annotations

from collections.abc import Mapping

from backends.pci.acs import Acs, parse_acs
from backends.pci.chipsets import known_chipset
from backends.pci.config_space import whole
from backends.pci.functions import DEVICES, GROUPS, PciFunction, PciState, functions_in
from backends.reader import Reader
from specs.record import Record, field
from specs.values import PciAddress

UNITS = "/sys/class/iommu"
TABLES = "/sys/firmware/acpi/tables"

# driver_managed_dma drivers do not use the kernel DMA API, so VFIO may claim a group they are in
# (these give no VM anything, unlike vfio-pci and its variants):
# drivers/vfio/pci, drivers/pci/pci-stub.c, drivers/pci/pcie/portdrv.c; since Linux 5.19.
MANAGED_DMA = frozenset({"pci-stub", "pcieport"})


class IommuGroup(Record):
    """Members are the PCI functions; ``others`` names members that are not (platform devices)."""

    number: int
    members: tuple[PciAddress, ...]
    type: str | None
    direct_regions: tuple[str, ...]
    others: tuple[str, ...] = ()


class IommuState(Record):
    """``tables`` holds those of DMAR, IVRS and IORT that firmware publishes; ``arguments`` are the
    IOMMU-related words of /proc/cmdline, in order. ``acs`` knows the ports at and above groups of
    several endpoints. ``vfio_users`` counts the functions that some program has open through
    vfio-pci; None where the kernel does not tell (vfio-pci built in, or not loaded). ``shown`` is
    False where neither groups nor firmware tables can be looked at: an image, or an old record.
    """

    VOLATILE = frozenset({"vfio_users"})

    groups: Mapping[int, IommuGroup] = field(default_factory=dict)
    units: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    cpu_vendor: str = ""
    virtual_machine: bool = False
    arguments: tuple[str, ...] = ()
    unsafe_interrupts: bool = False
    acs: Mapping[PciAddress, Acs] = field(default_factory=dict)
    vfio_users: int | None = None
    shown: bool = True

    @property
    def active(self) -> bool:
        """The kernel drives an IOMMU: it has put the functions into groups."""
        return bool(self.groups)

    @property
    def kind(self) -> str | None:
        """``intel``, ``amd``, ``other`` or None, as the running units or the tables say."""
        for unit, kind in (("dmar", "intel"), ("ivhd", "amd")):
            if any(name.startswith(unit) for name in self.units):
                return kind
        for table, kind in (("DMAR", "intel"), ("IVRS", "amd")):
            if table in self.tables:
                return kind
        return "other" if self.units or "IORT" in self.tables else None


def uses_kernel_dma(driver: str) -> bool:
    """Whether a driver of this name on a member keeps VFIO from claiming the group.

    Variants of vfio-pci (mlx5_vfio_pci, nvgrace_gpu_vfio_pci ...) manage DMA themselves as well.
    """
    variant = driver.replace("-", "_").endswith("vfio_pci")
    return not (variant or driver in MANAGED_DMA)


def observe_iommu(reader: Reader, pci: PciState) -> IommuState:
    """Groups from the functions' own links where their directory is not readable."""
    vendor, guest = _cpu(reader)
    words = (reader.read_text("/proc/cmdline") or "").split()
    units, tables = reader.list(UNITS), reader.list(TABLES)
    groups = _groups(reader, pci, check_names=not units)
    return IommuState(
        groups=groups,
        units=units,
        tables=tuple(t for t in ("DMAR", "IVRS", "IORT") if t in tables),
        cpu_vendor=vendor,
        virtual_machine=guest,
        arguments=tuple(word for word in words if _about_iommu(word)),
        unsafe_interrupts=_unsafe(reader),
        acs={
            f.address: parse_acs(whole(reader, f"{DEVICES}/{f.address}"))
            for f in _interesting_ports(groups, pci)
        },
        vfio_users=_vfio_users(reader),
        shown=bool(groups or units or tables) or any(map(reader.exists, (GROUPS, TABLES))),
    )


_IOMMU_WORDS = frozenset(
    {
        "iommu",
        "intel_iommu",
        "amd_iommu",
        "iommu.passthrough",
        "iommu.strict",
        "pcie_acs_override",
        "nox2apic",
        "intremap",
    }
)


def _about_iommu(word: str) -> bool:
    return word.partition("=")[0] in _IOMMU_WORDS


def _groups(reader: Reader, pci: PciState, *, check_names: bool) -> dict[int, IommuGroup]:
    """Real groups. Without any unit, those that VFIO's no-IOMMU mode makes up are left out:
    drivers/vfio/group.c names them vfio-noiommu."""
    by_link: dict[int, list[PciAddress]] = {}
    for function in pci:
        if function.iommu_group is not None:
            by_link.setdefault(function.iommu_group, []).append(function.address)
    numbers = {int(name) for name in reader.list(GROUPS) if name.isdecimal()} | set(by_link)
    if check_names:
        numbers = {n for n in numbers if not _noiommu(reader, n)}
    return {n: _group(reader, n, by_link.get(n, [])) for n in sorted(numbers)}


def _noiommu(reader: Reader, number: int) -> bool:
    name = reader.read_text(f"{GROUPS}/{number}/name", optional=True) or ""
    return name.strip() == "vfio-noiommu"


def _group(reader: Reader, number: int, linked: list[PciAddress]) -> IommuGroup:
    base = f"{GROUPS}/{number}"
    names = reader.list(f"{base}/devices")
    members = {address for name in names for address in functions_in(name)}
    regions = (reader.read_text(f"{base}/reserved_regions", optional=True) or "").splitlines()
    kind = reader.read_text(f"{base}/type", optional=True)
    return IommuGroup(
        number=number,
        members=tuple(sorted(members | set(linked))),
        type=kind.strip() if kind else None,
        # "direct-relaxable" (graphics, USB) does not keep a device from being assigned.
        direct_regions=tuple(line.strip() for line in regions if line.split()[2:] == ["direct"]),
        others=tuple(name for name in names if not functions_in(name)),
    )


def _cpu(reader: Reader) -> tuple[str, bool]:
    """(vendor_id, runs under a hypervisor) from the first processor's block of /proc/cpuinfo."""
    vendor, guest = "", False
    for line in (reader.read_text("/proc/cpuinfo") or "").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "vendor_id":
            vendor = value.strip()
        elif key.strip() == "flags":
            guest = "hypervisor" in value.split()
        if not line.strip() and vendor:
            break
    return vendor, guest


def _unsafe(reader: Reader) -> bool:
    path = "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"
    return (reader.read_text(path, optional=True) or "").strip() in ("Y", "1")


def _interesting_ports(groups: Mapping[int, IommuGroup], pci: PciState) -> list[PciFunction]:
    """PCIe ports in and above groups that hold more than one endpoint."""
    found: dict[PciAddress, PciFunction] = {}
    for group in groups.values():
        members = [f for m in group.members if (f := pci.get(m)) is not None]
        if sum(not f.is_bridge for f in members) > 1:
            chain = [a for f in members for a in (*f.parents, f.address)]
            ports = (pci.get(address) for address in chain)
            found |= {p.address: p for p in ports if p is not None and p.short_class == "0604"}
    return [found[address] for address in sorted(found)]


def _vfio_users(reader: Reader) -> int | None:
    """vfio_df_open takes a reference to the driver's module: drivers/vfio/vfio_main.c."""
    text = (reader.read_text("/sys/module/vfio_pci/refcnt") or "").strip()
    if not text.isdecimal():
        return None
    return max(0, int(text) - len(reader.list("/sys/module/vfio_pci/holders")))


class Diagnosis(Record):
    """``status``: on | off-by-argument | possible | firmware | virtual-machine | none | unknown.

    ``argument`` is the kernel argument that keeps it off. ``possible`` means that tables are
    there and the kernel only has to be told.
    """

    status: str
    message: str
    hint: str = ""
    argument: str | None = None

    @property
    def usable(self) -> bool:
        """On now, or on after a reboot with the right argument."""
        return self.status in ("on", "possible")


def diagnose(iommu: IommuState, pci: PciState) -> Diagnosis:
    """Whether DMA remapping works, can be switched on, or what keeps it off."""
    if iommu.active:
        units = f" ({', '.join(iommu.units)})" if iommu.units else ""
        return Diagnosis("on", f"IOMMU on{units}, {len(iommu.groups)} groups")
    if iommu.tables:
        return _switched_off(iommu)
    if iommu.virtual_machine:
        return Diagnosis(
            "virtual-machine",
            "this host is itself a virtual machine without a virtual IOMMU",
            "give it one (QEMU: -device intel-iommu,intremap=on with kernel-irqchip=split)",
        )
    return _without_tables(iommu, pci)


def _switched_off(iommu: IommuState) -> Diagnosis:
    table = iommu.tables[0]
    off = _off_argument(iommu.arguments)
    if off is not None:
        return Diagnosis(
            "off-by-argument",
            f"firmware publishes {table}, but {off} on the kernel command line keeps it off",
            f"remove {off} from the boot configuration",
            argument=off,
        )
    return Diagnosis(
        "possible",
        f"firmware publishes {table}, but the kernel has not switched the IOMMU on",
        "intel_iommu=on is enough" if table == "DMAR" else "the kernel log says why",
    )


def _off_argument(arguments: tuple[str, ...]) -> str | None:
    """The argument that leaves the IOMMU off; the last word on a switch wins (parse order)."""
    off: dict[str, str | None] = {}
    for word in arguments:
        name, _, value = word.partition("=")
        for part in value.split(","):
            if name in ("intel_iommu", "amd_iommu", "iommu") and part in ("off", "on"):
                off[name] = word if part == "off" else None
    return next((word for word in off.values() if word is not None), None)


def _without_tables(iommu: IommuState, pci: PciState) -> Diagnosis:
    known = known_chipset(function.id for function in pci if function.base_class == "06")
    amd = iommu.cpu_vendor in ("AuthenticAMD", "HygonGenuine")
    if known is not None:
        amd = known.name.startswith("AMD")
    name, table = ("AMD-Vi (IOMMU)", "IVRS") if amd else ("Intel VT-d", "DMAR")
    if known is not None:
        note = f"; {known.note}" if known.note else ""
        return Diagnosis(
            "firmware",
            f"{known.name} has {name} ({known.source}{note}), but firmware publishes no {table}",
            f"enable {'IOMMU' if amd else 'VT-d'} in firmware setup; update the firmware if the "
            "setting is missing",
        )
    if any(function.short_class == "0806" for function in pci):
        return Diagnosis(
            "firmware",
            f"an IOMMU function is present, but firmware publishes no {table}",
            f"enable {'IOMMU' if amd else 'VT-d'} in firmware setup",
        )
    if not iommu.shown:
        return Diagnosis(
            "unknown",
            f"neither {GROUPS} nor {TABLES} is here: whether firmware offers {name} cannot be told",
            "look on the machine itself, while it runs",
        )
    return Diagnosis(
        "none",
        f"firmware publishes no {table} table: {name} is switched off in firmware, or missing",
        f"look for {name} in firmware setup (often under Advanced, CPU or Chipset); without it "
        "no device can be passed to a VM",
    )
