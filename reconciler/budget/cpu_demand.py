"""All VMs of a spec together against the CPUs that are set aside for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.budget.board import Board
from reconciler.budget.demand import VmDemand
from reconciler.budget.words import are, count, cpus
from reconciler.model import Finding, note, warn
from specs.values import CpuSet


def cpu_demand_findings(vms: Sequence[VmDemand], board: Board) -> Iterator[Finding]:
    """More vCPUs than isolated CPUs, for one VM or for those that start together; and isolated
    CPUs that are lost to the host and given to nobody."""
    usable = board.isolated & board.cpus.online
    if not usable:
        return
    for vm in vms:
        if (vm.vcpus or 0) > len(usable):
            yield _too_many(vm, f"{vm.name} has", vm.vcpus or 0, usable)
    started = [vm for vm in vms if vm.autostart and 0 < (vm.vcpus or 0) <= len(usable)]
    total = sum(vm.vcpus or 0 for vm in started)
    if total > len(usable):
        names = ", ".join(vm.name for vm in started)
        yield _too_many(started[-1], f"{names} start with the host and have", total, usable)
    yield from _unused(vms, usable)


def _too_many(vm: VmDemand, what: str, vcpus: int, usable: CpuSet) -> Finding:
    message = f"{what} {count(vcpus, 'vCPU')}; {are(usable)} isolated, {len(usable)} in all"
    hint = "isolate more CPUs, or declare fewer vCPUs: two vCPUs on one CPU wait for each other"
    return warn("vm-exceeds-cpus", f"{vm.where}.vcpu", message, hint)


def _unused(vms: Sequence[VmDemand], usable: CpuSet) -> Iterator[Finding]:
    """Only where every VM of the spec is pinned: then nobody else is expected there."""
    if not vms or not all(vm.vcpupin and len(vm.vcpupin) >= (vm.vcpus or 0) for vm in vms):
        return
    taken = CpuSet(cpu for vm in vms for _, pin in vm.every_pin for cpu in pin)
    if left := usable - taken:
        message = f"no VM of the spec is pinned to isolated {cpus(left)}, and the host leaves them"
        rest = usable - left
        hint = f'write isolated = "{rest}", or pin a VM there' if rest else "pin a VM there"
        yield note("isolated-unused", "cpu.isolated", message, hint)
