"""Whether the declared hugepages fit the host, each node, and what is in use now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from backends.topology.cpu import CpuState
from backends.topology.memory import MemoryState, Pool
from reconciler.budget.pages import Target, targets
from reconciler.budget.words import size
from reconciler.model import Finding, refuse
from specs.hugepages import Hugepages
from specs.values import PageSize

_GIB = 1024 * 1024
_2_MIB = 2048


def host_reserve_kib(total_kib: int) -> int:
    """What the host keeps for itself: a tenth, and 2 GiB, but never more than a quarter.

    Hugepages leave MemAvailable at once and are never swapped; a kernel that boots with too few
    other pages ends in the OOM killer (mm/hugetlbpage.rst gives no number: this one is ours).
    """
    return max(total_kib // 10, min(2 * _GIB, total_kib // 4))


def node_reserve_kib(total_kib: int) -> int:
    """What stays free on a node: a twentieth, for the kernel's own node-local memory."""
    return total_kib // 20


def memory_findings(table: Hugepages, memory: MemoryState, cpus: CpuState) -> Iterator[Finding]:
    """Sizes, nodes, and sums; silent where the host's memory is not known."""
    wanted = targets(table)
    yield from _sizes(table, wanted, memory, cpus)
    yield from _nodes(wanted, memory)
    yield from _host_sum(wanted, memory)
    yield from _node_sums(wanted, memory)


def _sizes(
    table: Hugepages, wanted: Sequence[Target], memory: MemoryState, cpus: CpuState
) -> Iterator[Finding]:
    sizes = memory.sizes_kib or _sizes_by_flags(cpus)
    if not sizes:
        return
    said = [(t.where + ".size", t.size) for t in wanted]
    if table.default_size is not None:
        said.append(("hugepages.default_size", table.default_size))
    has = ", ".join(str(PageSize.from_kib(kib)) for kib in sizes)
    for where, page in said:
        if page.kib not in sizes:
            why = ""
            if page.kib == _GIB and cpus.flags and "pdpe1gb" not in cpus.flags:
                why = " (its CPU lacks pdpe1gb)"
            message = f"this host has no huge pages of {page}{why}"
            yield refuse("hugepages-size", where, message, f"write one of {has}")


def _sizes_by_flags(cpus: CpuState) -> tuple[int, ...]:
    """What the flags of an x86 CPU say, where the kernel's pools are not to be seen
    (arch/x86/mm/hugetlbpage.c); none elsewhere."""
    if "pse" not in cpus.flags:
        return ()
    return (_2_MIB, _GIB) if "pdpe1gb" in cpus.flags else (_2_MIB,)


def _nodes(wanted: Sequence[Target], memory: MemoryState) -> Iterator[Finding]:
    usable = memory.memory_nodes
    for target in wanted:
        if usable and target.node is not None and target.node not in usable:
            has = ", ".join(map(str, usable))
            message = f"NUMA node {target.node} has no memory; nodes with memory: {has}"
            hint = f"write node = {usable[0]}, or take node out"
            yield refuse("hugepages-node", f"{target.where}.node", message, hint)


def _host_sum(wanted: Sequence[Target], memory: MemoryState) -> Iterator[Finding]:
    declared = sum(t.kib for t in wanted)
    if not declared or not memory.total_kib:
        return
    other = _undeclared(wanted, memory.pools)
    limit = memory.total_kib - host_reserve_kib(memory.total_kib) - other
    if declared > limit:
        kept = size(host_reserve_kib(memory.total_kib))
        message = (
            f"{size(declared)} of huge pages{_besides(other)} do not fit: the host has "
            f"{size(memory.total_kib)} and needs {kept} of it itself"
        )
        where = wanted[0].where if len(wanted) == 1 else "hugepages.pages"
        yield refuse("hugepages-exceed-memory", where, message, _fewer(wanted, limit))


def _undeclared(wanted: Sequence[Target], pools: Sequence[Pool]) -> int:
    """KiB in pools of sizes that the spec does not speak of."""
    sizes = {t.size.kib for t in wanted}
    return sum(p.total * p.size_kib for p in pools if p.size_kib not in sizes)


def _besides(other: int) -> str:
    return f" besides {size(other)} in pools of other sizes" if other else ""


def _fewer(wanted: Sequence[Target], limit_kib: int) -> str:
    if len(wanted) == 1 and limit_kib >= wanted[0].size.kib:
        return f"write count = {limit_kib // wanted[0].size.kib} or less"
    return f"declare at most {size(max(limit_kib, 0))} in all"


def _node_sums(wanted: Sequence[Target], memory: MemoryState) -> Iterator[Finding]:
    on_node: dict[int, list[Target]] = defaultdict(list)
    for target in wanted:
        if target.node is not None:
            on_node[target.node].append(target)
    for number, own in sorted(on_node.items()):
        node = memory.node(number)
        if node is None or not node.total_kib:
            continue
        other = _undeclared(wanted, [p for p in memory.node_pools if p.node == number])
        limit = node.total_kib - node_reserve_kib(node.total_kib) - other
        declared = sum(t.kib for t in own)
        if declared > limit:
            message = (
                f"{size(declared)} of huge pages{_besides(other)} do not fit on node {number}, "
                f"which has {size(node.total_kib)}"
            )
            yield refuse("hugepages-exceed-memory", own[0].where, message, _fewer(own, limit))
