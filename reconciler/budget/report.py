"""CPUs, memory and hugepages as ``--inspect`` prints them: plain JSON data."""

from __future__ import annotations

from typing import Any

from backends.cpu import CpuState
from backends.memory import MemoryState, Pool
from reconciler.budget.sets import cores
from specs.values import CpuSet, PageSize


def cpu_report(state: CpuState) -> dict[str, Any]:
    """The ``cpu`` object; sets in canonical list form."""
    return {
        "vendor": state.vendor,
        "flags": sorted(state.flags),
        "online": str(state.online),
        "present": str(state.present),
        "offline": str(state.offline),
        "isolated": str(state.isolated),
        "nohz_full": None if state.nohz_full is None else str(state.nohz_full),
        "smt": state.smt_control,
        "sockets": len({cpu.package for cpu in state.cpus}),
        "cores": [str(core) for core in cores(state)],
        "l3": [str(s) for s in dict.fromkeys(c.l3 for c in state.cpus if c.l3 is not None)],
        "kinds": _kinds(state),
    }


def _kinds(state: CpuState) -> dict[str, str]:
    """CPUs by hybrid kind; empty where all are alike."""
    kinds = dict.fromkeys(cpu.kind for cpu in state.cpus if cpu.kind)
    return {k: str(CpuSet(c.number for c in state.cpus if c.kind == k)) for k in kinds}


def memory_report(memory: MemoryState) -> dict[str, Any]:
    """The ``memory`` object; sizes in KiB."""
    return {
        "total_kib": memory.total_kib,
        "available_kib": memory.available_kib,
        "nodes": [
            {
                "node": node.number,
                "cpus": str(node.cpus),
                "total_kib": node.total_kib,
                "free_kib": node.free_kib,
                "distances": {str(to): distance for to, distance in node.distances},
            }
            for node in memory.nodes
        ],
    }


def hugepages_report(memory: MemoryState) -> list[dict[str, Any]]:
    """The ``hugepages`` array: each size for the host, then for each node."""
    pools = [(pool, _mounts(memory, pool)) for pool in memory.pools]
    found = [_pool(pool) | {"mounts": mounts} for pool, mounts in pools]
    return found + [_pool(pool) for pool in memory.node_pools]


def _mounts(memory: MemoryState, pool: Pool) -> list[str]:
    return [m.path for m in memory.mounts if m.size_kib == pool.size_kib]


def _pool(pool: Pool) -> dict[str, Any]:
    return {
        "size": str(PageSize.from_kib(pool.size_kib)),
        "node": pool.node,
        "total": pool.total,
        "free": pool.free,
        "in_use": pool.in_use,
        "surplus": pool.surplus,
    }
