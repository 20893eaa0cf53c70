"""What a host has already, as tables of a spec."""

from __future__ import annotations

from collections.abc import Iterator

from backends.formats.cmdline import name_of
from backends.pci import PciFunction
from reconciler.budget.describe import describe_cpu, describe_hugepages
from reconciler.budget.words import size
from reconciler.inspection.model import VmPart
from reconciler.inspection.vms import vms
from reconciler.observe import HostState
from reconciler.starter.toml import Value, table
from specs.record import Record

_IOMMU = ("iommu", "intel_iommu", "amd_iommu")


class Candidate(Record):
    """A part of the spec that may go in as it is: ``what`` says it in words."""

    what: str
    lines: tuple[str, ...]


def identity(state: HostState) -> list[str]:
    """``[host]``; a host that does not know its name or id is not held to it."""
    known = {"hostname": state.identity.hostname, "machine_id": state.identity.machine_id}
    pairs = {key: text for key, text in known.items() if text}
    return table("[host]", pairs) if pairs else []


def candidates(state: HostState) -> Iterator[Candidate]:
    """Everything that this host has of what a spec can say."""
    yield from _boot(state)
    yield from _cpu(state)
    yield from _hugepages(state)
    yield from _devices(state)
    yield from _sriov(state)
    for vm in vms(state):
        yield from _vm(vm)


def _boot(state: HostState) -> Iterator[Candidate]:
    args = [word for word in state.boot.running if name_of(word) in _IOMMU]
    if args:
        yield Candidate("IOMMU arguments", tuple(table("[boot]", {"kernel_args": args})))


def _cpu(state: HostState) -> Iterator[Candidate]:
    found = describe_cpu(state.boot.running, state.cpu).table
    if found:
        yield Candidate("CPU isolation", tuple(table("[cpu]", found)))


def _hugepages(state: HostState) -> Iterator[Candidate]:
    """The pools of the kernel's arguments together; then each that was made later."""
    described = describe_hugepages(state.boot.running, state.memory, state.identity.kernel).table
    at_boot = list(described.get("pages", ()))
    if described:
        default = described.get("default_size")
        lines = table("[hugepages]", {"default_size": default}) if default else []
        for pool in at_boot:
            lines += table("[[hugepages.pages]]", pool)
        yield Candidate("huge pages of the kernel's arguments", tuple(lines))
    sizes = {pool["size"] for pool in at_boot}
    for pool in state.memory.pools:
        if pool.total and size(pool.size_kib) not in sizes:
            pairs: dict[str, Value] = {"size": size(pool.size_kib), "count": pool.total}
            lines = table("[[hugepages.pages]]", pairs)
            yield Candidate(f"huge pages of {size(pool.size_kib)}", tuple(lines))


def _devices(state: HostState) -> Iterator[Candidate]:
    held = [f for f in state.pci if f.driver == "vfio-pci" and f.physfn is None]
    for number, function in enumerate(held):
        pairs = {"name": f"device{number}", "address": str(function.address), "id": function.id}
        holder = next((vm.name for vm in vms(state) if str(function.address) in vm.devices), "")
        if holder:  # libvirt has bound it, for as long as the VM runs
            pairs["bind"] = "vm"
        what = f"{function.address} on vfio-pci{f' for {holder}' if holder else ''}"
        yield Candidate(what, tuple(table("[[device]]", pairs)))


def _sriov(state: HostState) -> Iterator[Candidate]:
    for number, function in enumerate(f for f in state.pci if f.sriov and f.sriov.num):
        yield _virtual(state, function, f"fabric{number}")


def _virtual(state: HostState, function: PciFunction, name: str) -> Candidate:
    assert function.sriov is not None
    number = function.sriov.num
    drivers = {f.driver for a in function.virtfns if (f := state.pci.get(a)) is not None}
    pairs: dict[str, Value] = {
        "name": name,
        "address": str(function.address),
        "id": function.id,
        "vfs": number,
    }
    if len(drivers) == 1 and (driver := drivers.pop()):
        pairs["vf_driver"] = driver
    return Candidate(f"virtual functions of {function.address}", tuple(table("[[sriov]]", pairs)))


def _vm(vm: VmPart) -> Iterator[Candidate]:
    lines = table("[[vm]]", {"name": vm.name, "autostart": vm.autostart})
    if vm.vcpupin and all(vm.vcpupin):
        tune: dict[str, Value] = {"vcpupin": list(vm.vcpupin)}
        if vm.emulatorpin:
            tune["emulatorpin"] = vm.emulatorpin
        lines += table("[vm.cputune]", tune)
    if vm.memory and vm.hugepages:
        lines += table("[vm.memory]", {"size": vm.memory, "hugepages": vm.hugepages})
    yield Candidate(f"domain {vm.name}", tuple(lines))
