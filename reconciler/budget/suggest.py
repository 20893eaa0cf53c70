"""Concrete CPU sets to write into a spec: NUMA-local, whole cores, one cache where it is enough."""

from __future__ import annotations

from collections.abc import Iterable

from backends.topology.cpu import CpuState
from backends.topology.memory import MemoryState
from reconciler.budget.sets import by_number, cores
from specs.values import CpuSet

# Intel's hybrid cores, the fastest first.
_SPEED = {"cpu_core": 0, "cpu_atom": 1, "cpu_lowpower": 2}


def suggest_pins(
    count: int, usable: CpuSet, near: Iterable[int], state: CpuState, memory: MemoryState
) -> tuple[int, ...]:
    """A host CPU for each of ``count`` vCPUs, threads of a core side by side (as a guest with
    ``threads = 2`` counts them); () where ``usable`` has too few.

    The nearest nodes come first; within the chosen ones, whole cores of one kind in as few
    shared caches as possible; single threads of broken cores only when nothing else is left.
    """
    nodes = sorted(set(near))
    chosen: list[int] = []
    for group in _by_distance(usable, nodes, state, memory):
        chosen += _from_group(count - len(chosen), group, state)
        if len(chosen) == count:
            return tuple(chosen)
    return ()


def _by_distance(
    usable: CpuSet, near: list[int], state: CpuState, memory: MemoryState
) -> list[CpuSet]:
    """The usable online CPUs in groups of equal distance to ``near``, the nearest first."""
    groups: dict[float, list[int]] = {}
    for cpu in state.cpus:
        if cpu.number in usable:
            groups.setdefault(_distance(cpu.node, near, memory), []).append(cpu.number)
    return [CpuSet(groups[distance]) for distance in sorted(groups)]


def _distance(node: int | None, near: list[int], memory: MemoryState) -> float:
    if node is None or not near or node in near:
        return 0
    found = memory.node(node)
    known = [found.distance(other) for other in near] if found else []
    return min((d for d in known if d is not None), default=float("inf"))


def _from_group(count: int, group: CpuSet, state: CpuState) -> list[int]:
    whole = [core for core in cores(state) if core <= group]
    chosen: list[int] = []
    for core in _few_caches(whole, count, state):
        if len(chosen) + len(core) > count:
            break
        chosen += core
    rest = [cpu for cpu in group if cpu not in chosen]
    return chosen + rest[: count - len(chosen)]


def _few_caches(whole: list[CpuSet], count: int, state: CpuState) -> list[CpuSet]:
    """The cores, of one kind and one cache where that is enough: the fastest kind first, then the
    smallest cache that is large enough, else the largest."""
    index = by_number(state)
    groups: dict[tuple[str, CpuSet | None], list[CpuSet]] = {}
    rooms: dict[str, int] = {}
    for core in whole:
        cpu = index[min(core)]
        groups.setdefault((cpu.kind, cpu.cache), []).append(core)
        rooms[cpu.kind] = rooms.get(cpu.kind, 0) + len(core)

    def rank(key: tuple[str, CpuSet | None]) -> tuple[bool, int, str, bool, int, int]:
        kind, room = key[0], sum(map(len, groups[key]))
        by_room = room if room >= count else -room
        speed = _SPEED.get(kind, 0)
        return (rooms[kind] < count, speed, kind, room < count, by_room, min(groups[key][0]))

    return [core for key in sorted(groups, key=rank) for core in groups[key]]


def suggest_isolated(state: CpuState) -> tuple[CpuSet, CpuSet]:
    """(isolated, reserved): the first core of each node for the host, and two at least, slow ones
    where cores differ; both empty on a machine with fewer than three cores."""
    all_cores = cores(state)
    index = by_number(state)
    first: dict[int | None, CpuSet] = {}
    for core in all_cores:
        first.setdefault(index[min(core)].node, core)
    kept = list(first.values())
    others = [core for core in all_cores if core not in kept]
    others.sort(key=lambda core: -_SPEED.get(index[min(core)].kind, 0))
    kept += others[: max(0, 2 - len(kept))]
    if len(all_cores) <= len(kept):
        return CpuSet(), CpuSet()
    reserved = CpuSet(cpu for core in kept for cpu in core)
    return state.online - reserved, reserved


def pins_near(most: int, near: int | None, state: CpuState, memory: MemoryState) -> tuple[int, ...]:
    """Pins for a VM of ``most`` vCPUs, or as many as the node has in whole cores beside those that
    the host keeps; () on a machine that has none to spare. ``near`` is the node of a device."""
    usable = state.isolated & state.online or suggest_isolated(state)[0]
    node = memory.node(near) if near is not None else None
    local = usable & node.cpus if node is not None else usable
    threads = max((len(core) for core in cores(state)), default=1)
    count = min(most, len(local)) // threads * threads
    return suggest_pins(count, local, [] if near is None else [near], state, memory)
