"""The VMs of a spec against its CPUs and against each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from backends.cpu import CpuState
from backends.memory import MemoryState
from reconciler.budget.demand import VmDemand
from reconciler.budget.sets import CpuSets, nodes_of, split_cores
from reconciler.budget.suggest import suggest_pins
from reconciler.budget.words import are, cpus
from reconciler.model import Finding, note, refuse, warn
from specs.record import Record
from specs.values import CpuSet


class Board(Record):
    """What pins are judged by. ``isolated``: declared, else what the kernel isolates now."""

    sets: CpuSets
    isolated: CpuSet
    cpus: CpuState
    memory: MemoryState

    def free_for(self, vm: VmDemand, vms: Sequence[VmDemand]) -> CpuSet:
        """CPUs that a suggestion for ``vm`` may use: isolated (else not reserved, else any) ones
        that no other VM has."""
        online = self.cpus.online
        usable = self.isolated & online or online - self.sets.reserved or online
        return usable - _taken(vm, vms)


def _taken(vm: VmDemand, vms: Sequence[VmDemand]) -> CpuSet:
    return CpuSet(cpu for other in vms if other is not vm for cpu in other.pinned)


def vm_findings(vms: Sequence[VmDemand], board: Board) -> Iterator[Finding]:
    """Every finding about pins and nodes; silent where the host's CPUs are not known."""
    if not board.cpus.present:
        return
    for vm in vms:
        yield from _range(vm, board)
        yield from _outside(vm, vms, board)
        yield from _unpinned(vm, vms, board)
        yield from _twice(vm)
        yield from _remote(vm, vms, board)
    broken = {vm.where: frozenset(split_cores(vm.pinned, board.cpus)) for vm in vms}
    for one, other in combinations(vms, 2):
        yield from _overlap(one, other)
        yield from _shared_cores(one, other, broken)


def pins_toml(chosen: Sequence[int]) -> str:
    """``vcpupin = ["2", "10"]``, ready for the spec."""
    return "vcpupin = [" + ", ".join(f'"{cpu}"' for cpu in chosen) + "]"


def pin_hint(vm: VmDemand, vms: Sequence[VmDemand], board: Board) -> str:
    """Pins for this VM that would be right: near its devices, else near its memory."""
    near = [node for _, node in vm.devices] or sorted(vm.nodes)
    free = board.free_for(vm, vms)
    chosen = suggest_pins(vm.vcpus or 0, free, near, board.cpus, board.memory)
    return f"write {pins_toml(chosen)}" if chosen else ""


def _range(vm: VmDemand, board: Board) -> Iterator[Finding]:
    for where, pin in vm.every_pin:
        if beyond := pin - board.cpus.present:
            message = f"this host has no {cpus(beyond)}; it has {board.cpus.present}"
            inside = pin & board.cpus.present
            hint = f'write "{inside}"' if inside else "name CPUs of this host"
            yield refuse("cpu-out-of-range", where, message, hint)
        if off := pin & board.cpus.offline:
            message = f"{are(off)} offline: {vm.name} will not start with this pin"
            yield warn("cpu-offline", where, message, "bring it online, or pin elsewhere")


def _outside(vm: VmDemand, vms: Sequence[VmDemand], board: Board) -> Iterator[Finding]:
    out = (vm.pinned & board.cpus.present) - board.isolated
    if board.isolated and out:
        message = f"{vm.name} is pinned to {cpus(out)}, outside the isolated {board.isolated}"
        hint = pin_hint(vm, vms, board) or f'write isolated = "{board.isolated | out}"'
        yield warn("pin-outside-isolated", f"{vm.where}.cputune.vcpupin", message, hint)


def _unpinned(vm: VmDemand, vms: Sequence[VmDemand], board: Board) -> Iterator[Finding]:
    if not board.isolated or (vm.vcpupin and len(vm.vcpupin) >= (vm.vcpus or 0)):
        return
    first = len(vm.vcpupin)
    which = f"from vCPU {first} on {vm.name}" if first else vm.name
    message = (
        f"{which} is not pinned, while {are(board.isolated)} isolated: the scheduler never uses "
        "those by itself, so its threads crowd on the other CPUs"
    )
    yield warn("unpinned", f"{vm.where}.cputune", message, pin_hint(vm, vms, board))


def _twice(vm: VmDemand) -> Iterator[Finding]:
    for (i, one), (j, other) in combinations(enumerate(vm.vcpupin), 2):
        if len(one) == len(other) == 1 and one == other:
            message = f"vCPUs {i} and {j} of {vm.name} are both pinned to {cpus(one)}"
            where = f"{vm.where}.cputune.vcpupin[{j}]"
            yield warn("pin-overlap", where, message, "give each vCPU a CPU of its own")
    extra = [(w, p) for w, p in vm.every_pin if ".vcpupin" not in w]
    for where, pin in extra:
        if pin & vm.pinned:
            message = f"QEMU's own threads of {vm.name} share {cpus(pin & vm.pinned)} with vCPUs"
            left = pin - vm.pinned
            yield note("pin-overlap", where, message, f'write "{left}"' if left else "")


def _overlap(one: VmDemand, other: VmDemand) -> Iterator[Finding]:
    if both := one.pinned & other.pinned:
        message = f"{one.name} and {other.name} are both pinned to {cpus(both)}"
        hint = "give each VM CPUs of its own, unless they never run at the same time"
        yield warn("pin-overlap", f"{other.where}.cputune.vcpupin", message, hint)


def _shared_cores(
    one: VmDemand, other: VmDemand, broken: dict[str, frozenset[CpuSet]]
) -> Iterator[Finding]:
    """Cores of which each VM has other threads. ``broken`` has the cores that a VM has in part."""
    shared = [
        c for c in broken[one.where] & broken[other.where] if not c & one.pinned & other.pinned
    ]
    if shared:
        threads = CpuSet(cpu for core in shared for cpu in core)
        message = f"{one.name} and {other.name} share cores: {cpus(threads)} are their threads"
        hint = "give each VM whole cores: a guest can watch and slow down its core's other thread"
        yield warn("smt-split", f"{other.where}.cputune.vcpupin", message, hint)


def _remote(vm: VmDemand, vms: Sequence[VmDemand], board: Board) -> Iterator[Finding]:
    """Devices, vCPUs and memory on different nodes, with the distances between them."""
    on = nodes_of(vm.pinned, board.cpus)
    apart = []
    for name, node in vm.devices:
        if on and node not in on:
            apart.append(_apart(f"device {name} is", {node}, "its vCPUs", on, board.memory))
        if vm.nodes and node not in vm.nodes:
            apart.append(_apart(f"device {name} is", {node}, "its memory", vm.nodes, board.memory))
    if on and vm.nodes and not on <= vm.nodes:
        apart.append(_apart("its vCPUs are", on, "its memory", vm.nodes, board.memory))
    if apart:
        hint = pin_hint(vm, vms, board) if on else _memory_hint(vm)
        yield warn("numa-remote", vm.where, f"{vm.name}: {'; '.join(apart)}", hint)


def _memory_hint(vm: VmDemand) -> str:
    nodes = CpuSet(node for _, node in vm.devices)
    return f'write numatune = {{ mode = "strict", nodeset = "{nodes}" }}'


def _apart(
    what: str,
    nodes: set[int] | frozenset[int],
    other: str,
    others: frozenset[int],
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


def _nodes(nodes: set[int] | frozenset[int]) -> str:
    return f"node{'s' if len(nodes) > 1 else ''} {CpuSet(nodes)}"
