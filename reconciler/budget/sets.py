"""The CPU sets that ``[cpu]`` means on a host."""

from __future__ import annotations

from backends.topology.cpu import Cpu, CpuState
from specs.cpu import Cpu as CpuTable
from specs.record import Record
from specs.values import CpuSet


class CpuSets(Record):
    """Which CPUs are for what. ``reserved`` is what is not isolated when the spec does not say,
    and then empty on a host whose CPUs are not known (a tree without /sys)."""

    isolated: CpuSet
    reserved: CpuSet
    nohz_full: CpuSet
    rcu_nocbs: CpuSet


def cpu_sets(table: CpuTable, state: CpuState) -> CpuSets:
    """Resolve ``true`` and the default of reserved."""
    isolated = table.isolated or CpuSet()
    return CpuSets(
        isolated=isolated,
        reserved=table.reserved or state.present - isolated,
        nohz_full=_flag(table.nohz_full, isolated),
        rcu_nocbs=_flag(table.rcu_nocbs, isolated),
    )


def _flag(value: bool | CpuSet, isolated: CpuSet) -> CpuSet:
    if isinstance(value, CpuSet):
        return value
    return isolated if value else CpuSet()


def cores(state: CpuState) -> tuple[CpuSet, ...]:
    """The online threads of each core, in the order of their first CPU."""
    return tuple(dict.fromkeys(cpu.siblings & state.online for cpu in state.cpus))


def by_number(state: CpuState) -> dict[int, Cpu]:
    """Online CPUs by number."""
    return {cpu.number: cpu for cpu in state.cpus}


def nodes_of(cpus: CpuSet, state: CpuState) -> frozenset[int]:
    """The NUMA nodes of these CPUs, where they are known."""
    return frozenset(c.node for c in state.cpus if c.number in cpus and c.node is not None)


def whole_cores(cpus: CpuSet, state: CpuState) -> CpuSet:
    """Those of ``cpus`` whose core is in the set with every thread that is online."""
    inside = [core for core in cores(state) if core <= cpus]
    return CpuSet(number for core in inside for number in core)


def split_cores(cpus: CpuSet, state: CpuState) -> tuple[CpuSet, ...]:
    """Cores with some threads inside the set and some outside."""
    return tuple(core for core in cores(state) if core & cpus and not core <= cpus)
