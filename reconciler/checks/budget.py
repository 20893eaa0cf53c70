"""The VMs of a spec against the CPUs, nodes and hugepages of this host, and each other."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.budget.board import Board
from reconciler.budget.demand import Present, VmDemand, demands, standing
from reconciler.budget.domain import present
from reconciler.budget.host_memory import host_memory_findings
from reconciler.budget.memlock import libvirt_findings
from reconciler.budget.page_demand import demand_findings
from reconciler.budget.pages import targets
from reconciler.budget.sets import cpu_sets
from reconciler.budget.vm_checks import vm_findings
from reconciler.context import Context
from reconciler.model import Finding
from reconciler.passthrough.select import select_all


def budget_findings(ctx: Context) -> Iterator[Finding]:
    """Pins, places and pages of every ``[[vm]]``."""
    vms = vm_demands(ctx)
    others = _others(ctx)
    yield from vm_findings(vms, board(ctx), others)
    if ctx.spec.limits.memlock is not None:
        yield from libvirt_findings(vms)
    if _known(ctx):
        wanted = targets(ctx.spec.hugepages)
        yield from demand_findings(vms, wanted, ctx.state.memory, others)
        yield from host_memory_findings(vms, wanted, ctx.state.memory)


def _known(ctx: Context) -> bool:
    """Whether this is a host, or at least what a spec says of one; not a tree without /sys."""
    state = ctx.state
    seen = state.cpu.present or state.memory.total_kib or state.memory.pools
    return bool(seen or ctx.spec.hugepages.pages)


def board(ctx: Context) -> Board:
    """The CPUs that pins are judged by: isolated as declared, else as the kernel does now."""
    sets = cpu_sets(ctx.spec.cpu, ctx.state.cpu)
    return Board(
        sets=sets,
        isolated=sets.isolated or ctx.state.cpu.isolated,
        cpus=ctx.state.cpu,
        memory=ctx.state.memory,
        balanced=bool(sets.isolated) and "domain" not in ctx.spec.cpu.isolation,
        pages=targets(ctx.spec.hugepages),
    )


def vm_demands(ctx: Context) -> tuple[VmDemand, ...]:
    """What every ``[[vm]]`` asks for."""
    return demands(ctx.spec.vm, device_nodes(ctx), _present(ctx))


def _present(ctx: Context) -> dict[str, Present]:
    """What those domains have of their own: the existing ones, else as they will be defined."""
    default = ctx.state.memory.default_kib
    defined = {
        vm.name: present(document.decode("utf-8", "replace"), autostart=False, default_kib=default)
        for index, vm in enumerate(ctx.spec.vm)
        if (document := ctx.documents.get(f"vm[{index}].definition")) is not None
    }
    return defined | _standing(ctx, named=True)


def _others(ctx: Context) -> tuple[VmDemand, ...]:
    """The domains that the spec does not name; of no matter where it has no VM at all."""
    found = _standing(ctx, named=False) if ctx.spec.vm else {}
    return tuple(standing(name, has) for name, has in found.items())


def _standing(ctx: Context, *, named: bool) -> dict[str, Present]:
    """Existing domains that the spec names, or the rest of them."""
    names = {vm.name for vm in ctx.spec.vm}
    default = ctx.state.memory.default_kib
    return {
        domain.name: present(domain.inactive, autostart=domain.autostart, default_kib=default)
        for domain in ctx.state.libvirt.domains
        if (domain.name in names) == named and domain.inactive is not None
    }


def device_nodes(ctx: Context) -> dict[str, int]:
    """The NUMA node of each device and VF of the spec, by its names there."""
    nodes: dict[str, int] = {}
    selections, _ = select_all(ctx.spec.device, ctx.state.pci)
    for selection in selections:
        for index, function in enumerate(selection.functions):
            if function.numa_node is not None:
                nodes[f"{selection.spec.name}.{index}"] = function.numa_node
                nodes.setdefault(selection.spec.name, function.numa_node)
    for sriov in ctx.spec.sriov:
        # VFs are on the node of their physical function, also before they exist.
        pf = None if sriov.address is None else ctx.state.pci.get(sriov.address)
        if pf is not None and pf.numa_node is not None:
            nodes |= {f"{sriov.name}.{index}": pf.numa_node for index in range(sriov.vfs)}
    return nodes
