"""What each VM of the spec asks of CPUs and memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from specs.record import Record
from specs.values import CpuSet, PageSize

if TYPE_CHECKING:
    from specs.vm import Vm


class VmDemand(Record):
    """One VM. ``vcpupin`` by vCPU; ``vcpus`` is None where nothing says how many there are;
    ``nodes`` are those that its memory must come from (numatune); ``devices`` says on which node
    each of its devices is, where that is known; ``passthrough`` how many it has at all: one is
    enough to pin the whole of its memory (driver-api/vfio.rst). ``locked``, ``viommu`` and
    ``hard_limit_kib`` are what libvirt's own limit of locked memory depends on besides."""

    where: str
    name: str
    vcpus: int | None
    vcpupin: tuple[CpuSet, ...]
    emulatorpin: CpuSet | None
    iothreadpin: tuple[CpuSet, ...]
    memory_kib: int | None
    page: PageSize | None
    nodes: frozenset[int]
    strict: bool
    devices: tuple[tuple[str, int], ...]
    passthrough: int
    locked: bool
    viommu: bool
    hard_limit_kib: int | None
    autostart: bool

    @property
    def pinned(self) -> CpuSet:
        """All CPUs that its vCPUs are pinned to."""
        return CpuSet(cpu for pin in self.vcpupin for cpu in pin)

    @property
    def pages(self) -> int:
        """How many huge pages its memory takes."""
        if self.page is None or self.memory_kib is None:
            return 0
        return -(-self.memory_kib // self.page.kib)

    @property
    def every_pin(self) -> tuple[tuple[str, CpuSet], ...]:
        """Every pin with its spec path."""
        base = f"{self.where}.cputune.vcpupin"
        vcpus = ((f"{base}[{i}]", pin) for i, pin in enumerate(self.vcpupin))
        return (*vcpus, *self.thread_pins)

    @property
    def thread_pins(self) -> tuple[tuple[str, CpuSet], ...]:
        """The pins of QEMU's own threads (emulator, iothreads), each with its spec path."""
        base = f"{self.where}.cputune"
        emulator = () if self.emulatorpin is None else ((f"{base}.emulatorpin", self.emulatorpin),)
        threads = ((f"{base}.iothreadpin[{i}]", pin) for i, pin in enumerate(self.iothreadpin))
        return (*emulator, *threads)


class Present(Record):
    """What an existing domain has of its own, for what the spec leaves alone."""

    vcpus: int | None = None
    vcpupin: tuple[CpuSet, ...] = ()
    memory_kib: int | None = None
    page_kib: int | None = None
    locked: bool = False
    viommu: bool = False
    hard_limit_kib: int | None = None
    autostart: bool = False

    @property
    def page(self) -> PageSize | None:
        """``page_kib`` as a size."""
        return PageSize.from_kib(self.page_kib) if self.page_kib else None


def demand(
    index: int, vm: Vm, device_nodes: Mapping[str, int], present: Present | None = None
) -> VmDemand:
    """The demand of one ``[[vm]]``. ``device_nodes`` is by the device's name in the spec."""
    has = present or Present()
    tune, memory = vm.cputune, vm.memory
    topology = None if vm.topology is None else vm.topology.vcpus
    numa = memory.numatune
    return VmDemand(
        where=f"vm[{index}]",
        name=vm.name,
        vcpus=vm.vcpu or topology or has.vcpus or len(tune.vcpupin) or None,
        vcpupin=tune.vcpupin or has.vcpupin,
        emulatorpin=tune.emulatorpin,
        iothreadpin=tune.iothreadpin,
        memory_kib=memory.size.kib if memory.size else has.memory_kib,
        page=memory.hugepages or has.page,
        nodes=frozenset(numa.nodeset) if numa else frozenset(),
        strict=numa is not None and numa.mode in ("strict", "restrictive"),
        devices=tuple((name, device_nodes[name]) for name in vm.devices if name in device_nodes),
        passthrough=len(vm.devices),
        locked=has.locked if memory.locked is None else memory.locked,
        viommu=has.viommu,
        hard_limit_kib=has.hard_limit_kib,
        autostart=has.autostart if vm.autostart is None else vm.autostart,
    )


def standing(name: str, has: Present) -> VmDemand:
    """The demand of a domain that the spec does not name: it is left alone, and counted."""
    return VmDemand(
        where=f"domain {name}",
        name=name,
        vcpus=has.vcpus or len(has.vcpupin) or None,
        vcpupin=has.vcpupin,
        emulatorpin=None,
        iothreadpin=(),
        memory_kib=has.memory_kib,
        page=has.page,
        nodes=frozenset(),
        strict=False,
        devices=(),
        passthrough=0,
        locked=has.locked,
        viommu=has.viommu,
        hard_limit_kib=has.hard_limit_kib,
        autostart=has.autostart,
    )


def demands(
    vms: Sequence[Vm], device_nodes: Mapping[str, int], present: Mapping[str, Present] | None = None
) -> tuple[VmDemand, ...]:
    """Every VM of the spec; ``present`` is by domain name."""
    has = present or {}
    return tuple(demand(i, vm, device_nodes, has.get(vm.name)) for i, vm in enumerate(vms))
