"""What the VMs of a spec are judged by: CPUs, nodes, pages; and the pins that would be right."""

from __future__ import annotations

from collections.abc import Sequence

from backends.topology.cpu import CpuState
from backends.topology.memory import MemoryState
from reconciler.budget.demand import VmDemand
from reconciler.budget.page_demand import supply
from reconciler.budget.pages import Target
from reconciler.budget.sets import CpuSets
from reconciler.budget.suggest import suggest_pins
from specs.record import Record
from specs.values import CpuSet


class Board(Record):
    """``isolated``: declared, else what the kernel isolates now. ``balanced``: the scheduler still
    moves tasks there (isolcpus without its domain flag). ``pages`` are the declared pools."""

    sets: CpuSets
    isolated: CpuSet
    cpus: CpuState
    memory: MemoryState
    balanced: bool = False
    pages: tuple[Target, ...] = ()


class Advice:
    """Pins that would be right, for each VM that is asked about: all of them can be written down
    together, since what one is advised to take no other is."""

    def __init__(self, vms: Sequence[VmDemand], board: Board) -> None:
        self._board = board
        self._taken = {vm.where: vm.pinned for vm in vms}
        self._given: dict[str, tuple[int, ...]] = {}

    def pins(self, vm: VmDemand) -> tuple[int, ...]:
        """A host CPU for each vCPU, near its devices, else near its memory; () where there are
        too few, or where nothing says how many vCPUs it has."""
        if vm.where not in self._given:
            board = self._board
            near = [node for _, node in vm.devices] or sorted(memory_nodes(vm, board))
            usable = self._free_for(vm)
            chosen = suggest_pins(vm.vcpus or 0, usable, near, board.cpus, board.memory)
            self._given[vm.where] = chosen
        return self._given[vm.where]

    def hint(self, vm: VmDemand) -> str:
        """The pins as a line to write, "" where there are none."""
        chosen = self.pins(vm)
        return f"write {pins_toml(chosen)}" if chosen else ""

    def _free_for(self, vm: VmDemand) -> CpuSet:
        """Isolated (else not reserved, else any) CPUs that no other VM has or is to have."""
        board = self._board
        online = board.cpus.online
        usable = board.isolated & online or online - board.sets.reserved or online
        taken = (cpus for where, cpus in self._taken.items() if where != vm.where)
        given = (CpuSet(pins) for pins in self._given.values())
        return usable - CpuSet(cpu for cpus in (*taken, *given) for cpu in cpus)


def pins_toml(chosen: Sequence[int]) -> str:
    """``vcpupin = ["2", "10"]``, ready for the spec."""
    return "vcpupin = [" + ", ".join(f'"{cpu}"' for cpu in chosen) + "]"


def memory_nodes(vm: VmDemand, board: Board) -> frozenset[int]:
    """The nodes of its memory that this host has: as numatune says, else where its huge pages
    are. Empty where neither says, or where they are everywhere."""
    known = board.memory.memory_nodes
    if vm.nodes:
        return vm.nodes & frozenset(known) if known else vm.nodes
    if vm.page is None:
        return frozenset()
    found = frozenset(n for n in known if supply(vm.page, board.pages, board.memory, n))
    return found if len(found) < len(known) else frozenset()
