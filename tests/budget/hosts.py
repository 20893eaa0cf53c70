"""Hosts and specs for the budget's tests, in the fewest words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from backends.topology.cpu import CpuState, observe_cpus
from backends.topology.memory import MemoryState, observe_memory
from reconciler.budget.board import Board
from reconciler.budget.demand import VmDemand, demands
from reconciler.budget.sets import cpu_sets
from reconciler.model import Finding
from specs.cpu import Cpu
from specs.hugepages import Hugepages
from specs.values import CpuSet
from specs.vm import Vm
from tests.topology.maps import MapReader, machine

GIB = 1024 * 1024


def host(**kind: Any) -> tuple[CpuState, MemoryState]:
    """By default two nodes of four cores with two threads: node 0 has CPUs 0-3 and 8-11."""
    reader = MapReader(machine(**kind))
    return observe_cpus(reader), observe_memory(reader)


def cpu_table(**keys: Any) -> Cpu:
    """A ``[cpu]`` table."""
    return Cpu.model_validate(keys)


def pages_table(*pages: dict[str, Any], **keys: Any) -> Hugepages:
    """A ``[hugepages]`` table."""
    return Hugepages.model_validate({"pages": list(pages), **keys})


def vm(name: str, pins: Iterable[str] = (), **keys: Any) -> Vm:
    """A ``[[vm]]`` table."""
    tune = {"vcpupin": list(pins), **keys.pop("cputune", {})}
    return Vm.model_validate({"name": name, "cputune": tune, **keys})


def asked(*vms: Vm, **device_nodes: int) -> tuple[VmDemand, ...]:
    """The demands of VMs; keywords say where devices are."""
    return demands(vms, device_nodes)


def board(isolated: str = "", reserved: str = "", **kind: Any) -> Board:
    """A host with these sets declared."""
    cpus, memory = host(**kind)
    keys = {"isolated": isolated, "reserved": reserved}
    sets = cpu_sets(cpu_table(**{k: v for k, v in keys.items() if v}), cpus)
    return Board(sets, CpuSet.parse(isolated), cpus, memory)


def codes(findings: Iterable[Finding]) -> list[str]:
    """``refuse cpu-overlap cpu.reserved`` and so on, in order."""
    return [f"{f.severity.value} {f.code} {f.where}" for f in findings]
