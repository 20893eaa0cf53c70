"""VMs that live in ordinary memory: what huge pages and the host itself leave for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backends.topology.memory import MemoryState
from reconciler.budget.demand import VmDemand
from reconciler.budget.memory_checks import host_reserve_kib
from reconciler.budget.pages import Target
from reconciler.budget.words import size
from reconciler.model import Finding, warn


def memory_left_kib(wanted: Sequence[Target], memory: MemoryState) -> int:
    """Memory less every pool (as declared, else as it is) and less what the host keeps."""
    sizes = {t.size.kib for t in wanted}
    pools = sum(t.kib for t in wanted)
    pools += sum(p.total * p.size_kib for p in memory.pools if p.size_kib not in sizes)
    return max(0, memory.total_kib - pools - host_reserve_kib(memory.total_kib))


def host_memory_findings(
    vms: Sequence[VmDemand], wanted: Sequence[Target], memory: MemoryState
) -> Iterator[Finding]:
    """A VM that is too large, and VMs that start together and are; no refusal, as a guest without
    devices need not touch all of its memory, and a host may swap."""
    if not memory.total_kib:
        return
    left = memory_left_kib(wanted, memory)
    plain = [vm for vm in vms if vm.page is None and vm.memory_kib]
    for vm in plain:
        if (vm.memory_kib or 0) > left:
            yield _finding(vm, f"{vm.name} has {size(vm.memory_kib or 0)}", left)
    together = [vm for vm in plain if vm.autostart and (vm.memory_kib or 0) <= left]
    sum_kib = sum(vm.memory_kib or 0 for vm in together)
    if len(together) > 1 and sum_kib > left:
        names = ", ".join(vm.name for vm in together)
        what = f"{names} start with the host and have {size(sum_kib)} together"
        yield _finding(together[-1], what, left)


def _finding(vm: VmDemand, what: str, left: int) -> Finding:
    pinned = "; a device pins all of it" if vm.passthrough else ""
    message = f"{what}; huge pages and the host leave {size(left)}{pinned}"
    hint = f"write less than {size(left)}, or back it with hugepages" if left else "declare fewer"
    return warn("vm-exceeds-memory", f"{vm.where}.memory", message, hint)
