"""From a ``[[vm]]`` table to the properties that its domain is to have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from backends.formats.domain_xml import Evdev, Hostdev, Shmem, Topology, Wanted
from specs.record import Record
from specs.vm import Vm
from specs.vm_devices import Controller
from specs.vm_devices import Evdev as EvdevTable

# Where in [[vm]] a property is declared, when its key says so differently.
_PATHS = {
    "vcpupin": "cputune.vcpupin",
    "emulatorpin": "cputune.emulatorpin",
    "iothreadpin": "cputune.iothreadpin",
    "memory": "memory.size",
    "hugepages": "memory.hugepages",
    "locked": "memory.locked",
    "nosharepages": "memory.nosharepages",
    "source": "memory.source",
    "access": "memory.access",
    "allocation": "memory.allocation",
    "numatune": "memory.numatune",
    "kvm.hidden": "features.kvm.hidden",
    "hyperv.vendor_id": "features.hyperv.vendor_id",
    "discard": "disks.discard",
    "scsi": "controller",
    "hostdev": "devices",
    "card": "devices",
}


class Function(Record):
    """A PCI function that the spec gives a name: its address (of a VF: the one that it will
    have), and what a hostdev for it looks like. ``waits``: it cannot be given away yet;
    ``made_by`` are the changes that must be done before."""

    hostdev: Hostdev
    where: str
    waits: bool = False
    made_by: tuple[str, ...] = ()


Functions = Mapping[str, tuple[Function, ...]]
"""The functions behind each name that a ``[[vm]]`` may list."""


def wanted(vm: Vm, functions: Functions) -> Wanted:
    """Every declared property of one VM."""
    tune, memory = vm.cputune, vm.memory
    made = vm.topology
    numa = memory.numatune
    return Wanted(
        hostdevs=tuple(f.hostdev for f in given(vm, functions)),
        vcpu=vm.vcpu or (None if made is None else made.vcpus),
        topology=_topology(vm),
        vcpupin=tuple(map(str, tune.vcpupin)) or None,
        emulatorpin=_text(tune.emulatorpin),
        iothreads=vm.iothreads,
        iothreadpin=tuple(map(str, tune.iothreadpin)) or None,
        memory=_text(memory.size),
        hugepages=_text(memory.hugepages),
        locked=memory.locked,
        nosharepages=memory.nosharepages,
        source=memory.source,
        access=memory.access,
        allocation=memory.allocation,
        numatune=None if numa is None else (numa.mode, str(numa.nodeset)),
        kvm_hidden=vm.features.kvm.hidden,
        vendor_id=vm.features.hyperv.vendor_id,
        memballoon=vm.memballoon,
        scsi={c.index: dict(_controller(c)) for c in vm.controller},
        shmem=tuple(Shmem(s.name, str(s.size), s.model) for s in vm.shmem),
        evdev=tuple(map(_evdev, vm.evdev)),
        discard=vm.disks.discard,
    )


def given(vm: Vm, functions: Functions) -> Iterator[Function]:
    """The functions of one VM, each once."""
    found = (f for name in vm.devices for f in functions.get(name, ()))
    yield from {f.hostdev.address: f for f in found}.values()


def spec_path(where: str, key: str) -> str:
    """Where the spec asks for a property: ``vm[0].cputune.vcpupin``."""
    family = key.partition("[")[0]
    if family.startswith("rom."):
        family = "hostdev"
    return f"{where}.{_PATHS.get(family, family)}"


def _topology(vm: Vm) -> Topology | None:
    made = vm.topology
    return None if made is None else Topology(made.sockets, made.cores, made.threads, made.dies)


def _text(value: object | None) -> str | None:
    return None if value is None else str(value)


def _evdev(table: EvdevTable) -> Evdev:
    repeat = None if table.repeat is None else ("on" if table.repeat else "off")
    return Evdev(table.dev, table.grab, repeat, table.grab_toggle)


def _controller(table: Controller) -> Iterable[tuple[str, str]]:
    pairs = (("queues", table.queues), ("iothread", table.iothread))
    return ((name, str(value)) for name, value in pairs if value is not None)
