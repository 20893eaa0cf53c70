"""The arguments of a running host in the words of a spec: for --init."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backends.formats.cmdline import hugepage_words, name_of, normal_name
from backends.topology.cpu import CpuState
from backends.topology.memory import MemoryState
from reconciler.budget.cpu_args import cpu_args, meaning
from reconciler.budget.pages import block_meaning, hugepage_args
from specs.cpu import Cpu as CpuTable
from specs.hugepages import Hugepages
from specs.record import Record
from specs.values import CpuSet, PageSize

_DESCRIBED = ("isolcpus", "nohz_full", "rcu_nocbs")


class Described(Record):
    """A table as it would stand in a spec, and the kernel arguments that it accounts for.
    Planning the table on this host asks for exactly those arguments, in their present words."""

    table: Mapping[str, Any]
    words: tuple[str, ...]


def describe_cpu(words: Sequence[str], state: CpuState) -> Described:
    """``[cpu]`` from the configured arguments; empty where they say what a table cannot."""
    own = tuple(w for w in words if normal_name(name_of(w)) in _DESCRIBED)
    last = max(state.possible, default=None)
    table: dict[str, Any] = {}
    for name, flags, cpus in (meaning(word, last) for word in own):
        if not isinstance(cpus, CpuSet) or not cpus:
            return Described({}, ())
        if name == "isolcpus":
            table |= {"isolated": str(cpus), "isolation": sorted(flags)}
        else:
            table[name] = str(cpus)
    for name in ("nohz_full", "rcu_nocbs"):
        if table.get(name) is not None and table[name] == table.get("isolated"):
            table[name] = True
    wishes = cpu_args(CpuTable.model_validate(table), state, own) if table else ()
    exact = sorted(w.arg for w in wishes) == sorted(own)
    return Described(table, own) if exact else Described({}, ())


def describe_hugepages(words: Sequence[str], memory: MemoryState, release: str) -> Described:
    """``[hugepages]`` from the configured block of arguments, where the kernel follows all of it
    and every size of it is mounted already."""
    block = hugepage_words(words)
    first = PageSize.from_kib(memory.default_kib) if memory.default_kib else None
    said = block_meaning(block, first)
    if not block or said is None:
        return Described({}, ())
    default, counts = said
    pages = [pool for size, count in sorted(counts) for pool in _pools(size, count)]
    table: dict[str, Any] = {"pages": pages} if pages else {}
    if default is not None:
        table["default_size"] = default
    mounted = {str(PageSize.from_kib(m.size_kib)) for m in memory.mounts}
    if not {size for size, _ in counts} <= mounted:
        return Described({}, ())
    wishes = hugepage_args(Hugepages.model_validate(table), release, block, first)
    exact = tuple(w.arg for w in wishes) == block
    return Described(table, block) if exact else Described({}, ())


def _pools(size: str, count: str) -> list[dict[str, Any]]:
    """``16`` or ``0:4,1:8`` as entries of [[hugepages.pages]]."""
    pools = []
    for part in count.split(","):
        node, _, number = part.rpartition(":")
        pool: dict[str, Any] = {"size": size, "count": int(number), "boot": True}
        pools.append(pool | ({"node": int(node)} if node else {}))
    return pools
