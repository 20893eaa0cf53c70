"""CPUs and cores that threads of VMs share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, product

from reconciler.budget.board import Advice, Board
from reconciler.budget.demand import VmDemand
from reconciler.budget.sets import split_cores
from reconciler.budget.words import cpus
from reconciler.model import Finding, note, warn
from specs.values import CpuSet


def overlap_findings(
    vms: Sequence[VmDemand], board: Board, advice: Advice, others: Sequence[VmDemand] = ()
) -> Iterator[Finding]:
    """Within each VM, then between every two of them and between each and every other domain."""
    for vm in vms:
        yield from _twice(vm)
        yield from _own_threads(vm)
    shared = _shared((*vms, *others), board)
    for one, other in (*combinations(vms, 2), *product(others, vms)):
        cores = shared[one.where] & shared[other.where]
        yield from _overlap(one, other, advice)
        yield from _foreign_threads(one, other)
        yield from _foreign_threads(other, one)
        yield from _shared_cores(one, other, cores, advice)


def _shared(vms: Sequence[VmDemand], board: Board) -> dict[str, frozenset[CpuSet]]:
    """The cores that each VM has in part."""
    return {vm.where: frozenset(split_cores(vm.pinned, board.cpus)) for vm in vms}


def _twice(vm: VmDemand) -> Iterator[Finding]:
    for (i, one), (j, other) in combinations(enumerate(vm.vcpupin), 2):
        if len(one) == len(other) == 1 and one == other:
            message = f"vCPUs {i} and {j} of {vm.name} are both pinned to {cpus(one)}"
            where = f"{vm.where}.cputune.vcpupin[{j}]"
            yield warn("pin-overlap", where, message, "give each vCPU a CPU of its own")


def _own_threads(vm: VmDemand) -> Iterator[Finding]:
    for where, pin in vm.thread_pins:
        if pin & vm.pinned:
            message = f"QEMU's own threads of {vm.name} share {cpus(pin & vm.pinned)} with vCPUs"
            yield note("pin-overlap", where, message, _without(pin, vm.pinned))


def _without(pin: CpuSet, taken: CpuSet) -> str:
    left = pin - taken
    return f'write "{left}"' if left else "pin them to reserved CPUs"


def _overlap(one: VmDemand, other: VmDemand, advice: Advice) -> Iterator[Finding]:
    if both := one.pinned & other.pinned:
        message = f"{one.name} and {other.name} are both pinned to {cpus(both)}"
        hint = advice.hint(other) or "give each VM CPUs of its own"
        said = f"{hint}, unless they never run at the same time"
        yield warn("pin-overlap", f"{other.where}.cputune.vcpupin", message, said)


def _foreign_threads(one: VmDemand, other: VmDemand) -> Iterator[Finding]:
    """QEMU's threads of one VM where another has its vCPUs."""
    for where, pin in one.thread_pins:
        if both := pin & (other.pinned - one.pinned):
            message = (
                f"QEMU's own threads of {one.name} share {cpus(both)} with vCPUs of {other.name}"
            )
            yield warn("pin-overlap", where, message, _without(pin, other.pinned))


def _shared_cores(
    one: VmDemand, other: VmDemand, broken: frozenset[CpuSet], advice: Advice
) -> Iterator[Finding]:
    """Cores of which each VM has other threads. ``broken`` are those that each has in part."""
    shared = [core for core in broken if not core & one.pinned & other.pinned]
    if shared:
        threads = CpuSet(cpu for core in shared for cpu in core)
        message = f"{one.name} and {other.name} share cores: {cpus(threads)} are their threads"
        why = "a guest can watch and slow down its core's other thread"
        said = f"{advice.hint(other) or 'give each VM whole cores'}: {why}"
        yield warn("smt-split", f"{other.where}.cputune.vcpupin", message, said)
