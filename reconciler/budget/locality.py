"""Device, vCPUs and memory of a VM on different NUMA nodes, and where they would be together."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from backends.topology.memory import MemoryState
from reconciler.budget.board import Advice, Board, memory_nodes, pins_toml
from reconciler.budget.demand import VmDemand
from reconciler.budget.sets import nodes_of
from reconciler.budget.words import listed
from reconciler.model import Finding, refuse, warn
from specs.record import Record
from specs.values import CpuSet


class _Places(Record):
    """The nodes of a VM's vCPUs, and of its memory: as numatune says, else where its huge pages
    are, if they are not everywhere. Empty where nothing says."""

    vcpus: frozenset[int]
    memory: frozenset[int]
    bound: bool

    @property
    def memory_name(self) -> str:
        return "its memory" if self.bound else "its huge pages"


def locality_findings(vm: VmDemand, board: Board, advice: Advice) -> Iterator[Finding]:
    """Nodes that are not there, and the distances between those that are."""
    yield from _missing(vm, board.memory)
    places = _places(vm, board)
    apart = list(_all_apart(vm, places, board.memory))
    if apart:
        hint = _hint(vm, places, board, advice)
        yield warn("numa-remote", vm.where, f"{vm.name}: {'; '.join(apart)}", hint)


def _missing(vm: VmDemand, memory: MemoryState) -> Iterator[Finding]:
    known = memory.memory_nodes
    gone = [node for node in sorted(vm.nodes) if node not in known]
    if known and gone:
        message = (
            f"{vm.name} wants memory of node {listed(gone)}; this host has memory on node "
            f"{listed(known)}"
        )
        inside = CpuSet(vm.nodes & set(known)) or CpuSet((known[0],))
        hint = f'write nodeset = "{inside}"'
        yield refuse("vm-numa-node", f"{vm.where}.memory.numatune", message, hint)


def _places(vm: VmDemand, board: Board) -> _Places:
    return _Places(
        vcpus=nodes_of(vm.pinned, board.cpus),
        memory=memory_nodes(vm, board),
        bound=bool(vm.nodes),
    )


def _all_apart(vm: VmDemand, places: _Places, memory: MemoryState) -> Iterator[str]:
    for name, node in vm.devices:
        here = f"device {name} is"
        if places.vcpus and node not in places.vcpus:
            yield _apart(here, {node}, "its vCPUs", places.vcpus, memory)
        if places.memory and node not in places.memory:
            yield _apart(here, {node}, places.memory_name, places.memory, memory)
    if places.vcpus and places.memory and not places.vcpus <= places.memory:
        yield _apart("its vCPUs are", places.vcpus, places.memory_name, places.memory, memory)


def _hint(vm: VmDemand, places: _Places, board: Board, advice: Advice) -> str:
    """What to write so that all of it is on one node: that of the devices, else of the memory."""
    homes = {node for _, node in vm.devices} or places.memory
    if len(homes) != 1:
        return f"no node is near to all of them: take devices of one node ({_nodes(homes)} now)"
    (home,) = homes
    parts = []
    if places.vcpus and places.vcpus != homes:
        chosen = advice.pins(vm)
        local = chosen and nodes_of(CpuSet(chosen), board.cpus) == homes
        parts.append(pins_toml(chosen) if local else f"vcpupin with CPUs of node {home}")
    if places.memory and home not in places.memory:
        wanted = f'numatune = {{ mode = "strict", nodeset = "{home}" }}'
        parts.append(wanted if places.bound else f"node = {home} in [[hugepages.pages]]")
    return f"write {' and '.join(parts)}" if parts else ""


def _apart(
    what: str,
    nodes: Collection[int],
    other: str,
    others: Collection[int],
    memory: MemoryState,
) -> str:
    known = [
        distance
        for node in nodes
        if (found := memory.node(node))
        for far in others
        if (distance := found.distance(far)) is not None
    ]
    far = f" (distance {max(known)})" if known else ""
    return f"{what} on {_nodes(nodes)}, {other} on {_nodes(others)}{far}"


def _nodes(nodes: Collection[int]) -> str:
    return f"node{'s' if len(nodes) > 1 else ''} {CpuSet(nodes)}"
