"""Concrete CPU sets to write into a spec: NUMA-local, whole cores, one L3 where it is enough."""

from __future__ import annotations

from collections.abc import Iterable

from backends.cpu import CpuState
from backends.memory import MemoryState
from reconciler.budget.sets import by_number, cores
from specs.values import CpuSet


def suggest_pins(
    count: int, usable: CpuSet, near: Iterable[int], state: CpuState, memory: MemoryState
) -> tuple[int, ...]:
    """A host CPU for each of ``count`` vCPUs, threads of a core side by side (as a guest with
    ``threads = 2`` counts them); () where ``usable`` has too few.

    The nearest nodes come first; within the chosen ones, whole cores in as few L3 caches as
    possible; single threads of broken cores only when nothing else is left.
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
    """The cores, those of the smallest cache that is large enough first, else of the largest."""
    index = by_number(state)
    caches: dict[CpuSet | None, list[CpuSet]] = {}
    for core in whole:
        caches.setdefault(index[min(core)].l3, []).append(core)

    def rank(cache: list[CpuSet]) -> tuple[bool, int, int]:
        room = sum(map(len, cache))
        return (room < count, room if room >= count else -room, min(cache[0]))

    return [core for cache in sorted(caches.values(), key=rank) for core in cache]


def suggest_isolated(state: CpuState) -> tuple[CpuSet, CpuSet]:
    """(isolated, reserved): the first core of each node for the host, and two at least; both
    empty on a machine with fewer than three cores."""
    all_cores = cores(state)
    index = by_number(state)
    first: dict[int | None, CpuSet] = {}
    for core in all_cores:
        first.setdefault(index[min(core)].node, core)
    kept = list(first.values())
    kept += [core for core in all_cores if core not in kept][: max(0, 2 - len(kept))]
    if len(all_cores) <= len(kept):
        return CpuSet(), CpuSet()
    reserved = CpuSet(cpu for core in kept for cpu in core)
    return state.online - reserved, reserved
