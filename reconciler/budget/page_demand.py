"""The huge pages that VMs need against those that there are or will be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from backends.topology.memory import MemoryState
from reconciler.budget.demand import VmDemand
from reconciler.budget.pages import Target
from reconciler.budget.words import size
from reconciler.model import Finding, refuse, warn
from specs.values import PageSize


def demand_findings(
    vms: Sequence[VmDemand],
    wanted: Sequence[Target],
    memory: MemoryState,
    others: Sequence[VmDemand] = (),
) -> Iterator[Finding]:
    """Refuse what can never start: one VM alone, or all that start with the host. Warn where
    all together do not fit, since they may be meant to take turns, and where they do not fit
    beside ``others``: domains that start with the host and that the spec does not name."""
    backed = [vm for vm in vms if vm.pages]
    for vm in backed:
        yield from _one(vm, wanted, memory)
    for page in sorted({vm.page for vm in backed if vm.page}):
        own = [vm for vm in backed if vm.page == page]
        found = list(_together(own, page, wanted, memory))
        yield from found or _beside(own, others, page, supply(page, wanted, memory))


def _beside(
    vms: Sequence[VmDemand], others: Sequence[VmDemand], page: PageSize, there: int
) -> Iterator[Finding]:
    standing = [vm for vm in others if vm.autostart and vm.page == page]
    started = [vm for vm in vms if vm.autostart]
    everyone = [*standing, *started]
    if standing and started and _sum(everyone) > there >= _sum(started):
        yield _too_many(warn, everyone, "start with the host", page, there, "")


def supply(
    page: PageSize, wanted: Sequence[Target], memory: MemoryState, node: int | None = None
) -> int:
    """Pages of a size, on the host or on one node: as declared, else as they are now. Pages that
    are declared without a node are spread evenly over the nodes with memory."""
    own = [t for t in wanted if t.size == page]
    if not own:
        pool = memory.pool(page.kib, node)
        return pool.total if pool else 0
    if node is None:
        return sum(t.count for t in own)
    spread = max(1, len(memory.memory_nodes))
    spread_over = [t.count // spread for t in own if t.node is None]
    return sum(spread_over) + sum(t.count for t in own if t.node == node)


def _supply_for(vm: VmDemand, page: PageSize, wanted: Sequence[Target], memory: MemoryState) -> int:
    if vm.strict and vm.nodes and memory.nodes:
        return sum(supply(page, wanted, memory, node) for node in vm.nodes)
    return supply(page, wanted, memory)


def _one(vm: VmDemand, wanted: Sequence[Target], memory: MemoryState) -> Iterator[Finding]:
    assert vm.page is not None
    there = _supply_for(vm, vm.page, wanted, memory)
    if vm.pages <= there:
        return
    at = f" on node {','.join(map(str, sorted(vm.nodes)))}" if vm.strict and vm.nodes else ""
    message = (
        f"{vm.name} needs {vm.pages} huge pages of {vm.page} for its {size(vm.memory_kib or 0)}; "
        f"{_are_there(there)}{at}"
    )
    hint = f"write count = {vm.pages} for size {vm.page}{at} in [[hugepages.pages]]"
    yield refuse("vm-exceeds-hugepages", f"{vm.where}.memory", message, hint)


def _are_there(count: int) -> str:
    return "there are none" if not count else f"there {'is' if count == 1 else 'are'} {count}"


def _together(
    vms: Sequence[VmDemand], page: PageSize, wanted: Sequence[Target], memory: MemoryState
) -> Iterator[Finding]:
    for node in (None, *sorted({n for vm in vms for n in _only(vm)})):
        own = [vm for vm in vms if node is None or node in _only(vm)]
        there = supply(page, wanted, memory, node)
        at = "" if node is None else f" on node {node}"
        started = [vm for vm in own if vm.autostart]
        fits_alone = all(vm.pages <= there for vm in own)
        if len(started) > 1 and _sum(started) > there and fits_alone:
            yield _too_many(refuse, started, "start with the host", page, there, at)
        elif len(own) > 1 and _sum(own) > there and fits_alone:
            yield _too_many(warn, own, "cannot run at the same time", page, there, at)


def _only(vm: VmDemand) -> frozenset[int]:
    """The node that all of a VM's memory must come from, if there is just one."""
    return vm.nodes if vm.strict and len(vm.nodes) == 1 else frozenset()


def _sum(vms: Sequence[VmDemand]) -> int:
    return sum(vm.pages for vm in vms)


def _too_many(
    make: Callable[[str, str, str, str], Finding],
    vms: Sequence[VmDemand],
    why: str,
    page: PageSize,
    there: int,
    at: str,
) -> Finding:
    names = ", ".join(vm.name for vm in vms)
    message = (
        f"{names} {why} and need {_sum(vms)} huge pages of {page}{at} together; {_are_there(there)}"
    )
    hint = f"write count = {_sum(vms)} for size {page}{at} in [[hugepages.pages]]"
    return make("vm-exceeds-hugepages", f"{vms[-1].where}.memory", message, hint)
