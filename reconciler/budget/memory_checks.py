"""Whether the declared hugepages fit the host, each node, and what is in use now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from backends.cpu import CpuState
from backends.memory import MemoryState
from reconciler.budget.pages import Target, targets
from reconciler.budget.words import size
from reconciler.model import Finding, refuse
from specs.hugepages import Hugepages
from specs.values import PageSize

_GIB = 1024 * 1024


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
    if not memory.pools:
        return
    said = [(t.where + ".size", t.size) for t in wanted]
    if table.default_size is not None:
        said.append(("hugepages.default_size", table.default_size))
    has = ", ".join(str(PageSize.from_kib(kib)) for kib in memory.sizes_kib)
    for where, page in said:
        if page.kib not in memory.sizes_kib:
            why = ""
            if page.kib == _GIB and cpus.flags and "pdpe1gb" not in cpus.flags:
                why = " (its CPU lacks pdpe1gb)"
            message = f"this host has no huge pages of {page}{why}"
            yield refuse("hugepages-size", where, message, f"write one of {has}")


def _nodes(wanted: Sequence[Target], memory: MemoryState) -> Iterator[Finding]:
    usable = [n.number for n in memory.nodes if n.total_kib]
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
    sizes = {t.size.kib for t in wanted}
    other = sum(p.total * p.size_kib for p in memory.pools if p.size_kib not in sizes)
    limit = memory.total_kib - host_reserve_kib(memory.total_kib)
    if declared + other > limit:
        kept = size(host_reserve_kib(memory.total_kib))
        besides = f" besides {size(other)} in pools of other sizes" if other else ""
        message = (
            f"{size(declared)} of huge pages{besides} do not fit: the host has "
            f"{size(memory.total_kib)} and needs {kept} of it itself"
        )
        yield refuse("hugepages-exceed-memory", "hugepages.pages", message, _fewer(wanted, limit))


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
        limit = node.total_kib - node_reserve_kib(node.total_kib)
        declared = sum(t.kib for t in own)
        if declared > limit:
            message = (
                f"{size(declared)} of huge pages do not fit on node {number}, which has "
                f"{size(node.total_kib)}"
            )
            yield refuse("hugepages-exceed-memory", own[0].where, message, _fewer(own, limit))
