"""The pins of each VM of a spec against the CPUs of the host."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.budget.board import Advice, Board
from reconciler.budget.cpu_demand import cpu_demand_findings
from reconciler.budget.demand import VmDemand
from reconciler.budget.locality import locality_findings
from reconciler.budget.overlaps import overlap_findings
from reconciler.budget.words import are, cpus
from reconciler.model import Finding, refuse, warn
from specs.values import CpuSet


def vm_findings(
    vms: Sequence[VmDemand], board: Board, others: Sequence[VmDemand] = ()
) -> Iterator[Finding]:
    """Every finding about pins and nodes; silent where the host's CPUs are not known. ``others``
    are domains that the spec does not name: their CPUs are not to be had."""
    if not board.cpus.present:
        return
    advice = Advice((*vms, *others), board)
    for vm in vms:
        yield from _range(vm, board)
        yield from _outside(vm, board, advice)
        yield from _unpinned(vm, board, advice)
        yield from _adrift(vm, board, advice)
        yield from locality_findings(vm, board, advice)
    yield from overlap_findings(vms, board, advice, others)
    yield from cpu_demand_findings(vms, board)


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


def _outside(vm: VmDemand, board: Board, advice: Advice) -> Iterator[Finding]:
    out = (vm.pinned & board.cpus.present) - board.isolated
    if board.isolated and out:
        message = f"{vm.name} is pinned to {cpus(out)}, outside the isolated {board.isolated}"
        hint = advice.hint(vm) or f'write isolated = "{board.isolated | out}"'
        yield warn("pin-outside-isolated", f"{vm.where}.cputune.vcpupin", message, hint)


def _unpinned(vm: VmDemand, board: Board, advice: Advice) -> Iterator[Finding]:
    if not board.isolated or (vm.vcpupin and len(vm.vcpupin) >= (vm.vcpus or 0)):
        return
    first = len(vm.vcpupin)
    which = f"from vCPU {first} on {vm.name}" if first else vm.name
    why = (
        "its threads run on the host's CPUs as well"
        if board.balanced
        else "the scheduler never uses those by itself, so its threads crowd on the other CPUs"
    )
    message = f"{which} is not pinned, while {are(board.isolated)} isolated: {why}"
    hint = advice.hint(vm) or (
        "write vcpu = N: then the pins that would be right are named here" if not vm.vcpus else ""
    )
    yield warn("unpinned", f"{vm.where}.cputune", message, hint)


def _adrift(vm: VmDemand, board: Board, advice: Advice) -> Iterator[Finding]:
    """Without scheduling domains nothing spreads threads over a set: they all stay on the CPU
    where they woke up first (kernel-parameters.txt, isolcpus)."""
    sets = [pin for pin in vm.vcpupin if len(pin & board.isolated) > 1]
    if board.balanced or not sets:
        return
    over = CpuSet(cpu for pin in sets for cpu in pin & board.isolated)
    message = (
        f"{len(sets)} of the vCPUs of {vm.name} may float over the isolated {over}, where the "
        "scheduler does not balance: they can end up on one CPU together"
    )
    hint = advice.hint(vm) or "give each vCPU a CPU of its own"
    yield warn("unpinned", f"{vm.where}.cputune.vcpupin", message, hint)
