"""Memory, hugepage pools and hugetlbfs mounts (admin-guide/mm/hugetlbpage.rst, proc(5))."""

from __future__ import annotations

import re

from backends.reader import Reader
from backends.topology.numa import NODES, node_cpus, read_distances
from specs.record import Record
from specs.values import CpuSet

HUGEPAGES = "/sys/kernel/mm/hugepages"
_POOL = re.compile(r"hugepages-(\d{1,18})kB\Z")
_FIELD = re.compile(r"(?:Node \d+ )?(\w+(?:\(\w+\))?):\s+(\d{1,18})\b")
# What a node's meminfo has in place of MemAvailable (mm/show_mem.c, si_mem_available).
_RECLAIMABLE = ("Active(file)", "Inactive(file)", "SReclaimable")
_UNITS = {"K": 1, "M": 1024, "G": 1024 * 1024, "T": 1024 * 1024 * 1024}


class Pool(Record):
    """The hugepages of one size, of the whole host or of one node. ``total`` counts surplus
    pages too; ``reserved`` (promised, not yet touched) is only kept for the whole host."""

    VOLATILE = frozenset({"free", "surplus", "reserved"})

    size_kib: int
    node: int | None
    total: int
    free: int
    surplus: int
    reserved: int

    @property
    def in_use(self) -> int:
        """Pages that cannot be given back now: touched, or promised to somebody."""
        return self.total - self.free + self.reserved


class Node(Record):
    """One NUMA node. Sizes in KiB, 0 where they are not known; ``distances`` by node number (10
    is local), () if unknown; ``available_kib`` is free or given back by the page cache at once."""

    VOLATILE = frozenset({"free_kib", "available_kib"})

    number: int
    cpus: CpuSet
    distances: tuple[tuple[int, int], ...]
    total_kib: int
    free_kib: int
    available_kib: int

    def distance(self, node: int) -> int | None:
        """ACPI SLIT distance to another node, None where the firmware does not say."""
        return dict(self.distances).get(node)


class HugetlbMount(Record):
    """A mounted hugetlbfs and the page size it hands out, KiB."""

    path: str
    size_kib: int


class MemoryState(Record):
    """Memory of a host. ``pools`` are per size for the whole host, ``node_pools`` per node and
    size; ``default_kib`` is the size that a plain ``hugepages=`` or a plain mount means. A kernel
    (or a tree) that does not say what is available is taken at its total; 0 is not known."""

    VOLATILE = frozenset({"available_kib"})

    total_kib: int
    nodes: tuple[Node, ...]
    pools: tuple[Pool, ...]
    node_pools: tuple[Pool, ...]
    default_kib: int | None
    mounts: tuple[HugetlbMount, ...]
    available_kib: int

    def pool(self, size_kib: int, node: int | None = None) -> Pool | None:
        """The pool of a size, of the whole host or of one node."""
        pools = self.pools if node is None else self.node_pools
        return next((p for p in pools if p.size_kib == size_kib and p.node == node), None)

    def node(self, number: int) -> Node | None:
        """The node of that number."""
        return next((n for n in self.nodes if n.number == number), None)

    @property
    def memory_nodes(self) -> tuple[int, ...]:
        """The nodes with memory; all of them where no node says how much it has."""
        known = tuple(n.number for n in self.nodes if n.total_kib)
        return known or tuple(n.number for n in self.nodes)

    @property
    def sizes_kib(self) -> tuple[int, ...]:
        """Hugepage sizes that this CPU and kernel have, ascending."""
        return tuple(p.size_kib for p in self.pools)


def observe_memory(reader: Reader) -> MemoryState:
    """Read memory, nodes, pools and mounts."""
    info = parse_meminfo(reader.read_text("/proc/meminfo") or "")
    cpus = node_cpus(reader)
    nodes = tuple(_node(reader, n, cpus) for n in cpus)
    total = info.get("MemTotal", sum(node.total_kib for node in nodes))
    default = info.get("Hugepagesize")
    return MemoryState(
        total_kib=total,
        available_kib=info.get("MemAvailable", info.get("MemFree", total)),
        nodes=nodes,
        pools=_pools(reader, HUGEPAGES, None),
        node_pools=tuple(
            pool for n in cpus for pool in _pools(reader, f"{NODES}/node{n}/hugepages", n)
        ),
        default_kib=default,
        mounts=parse_mounts(reader.read_text("/proc/mounts") or "", default),
    )


def parse_meminfo(text: str) -> dict[str, int]:
    """``/proc/meminfo`` or a node's: field to number (KiB, or a count for HugePages_*)."""
    return {m.group(1): int(m.group(2)) for m in map(_FIELD.match, text.splitlines()) if m}


def _node(reader: Reader, number: int, cpus: dict[int, CpuSet]) -> Node:
    info = parse_meminfo(reader.read_text(f"{NODES}/node{number}/meminfo") or "")
    distances = read_distances(reader, number, tuple(cpus))
    total = info.get("MemTotal", 0)
    free = info.get("MemFree", total)
    return Node(
        number=number,
        cpus=cpus[number],
        distances=tuple(distances.items()),
        total_kib=total,
        free_kib=free,
        available_kib=min(total, free + sum(info.get(name, 0) for name in _RECLAIMABLE)),
    )


def _pools(reader: Reader, base: str, node: int | None) -> tuple[Pool, ...]:
    sizes = sorted(int(m.group(1)) for m in map(_POOL.match, reader.list(base)) if m)
    return tuple(_pool(reader, f"{base}/hugepages-{size}kB", size, node) for size in sizes)


def _pool(reader: Reader, folder: str, size_kib: int, node: int | None) -> Pool:
    def count(name: str, otherwise: int = 0) -> int:
        text = (reader.read_text(f"{folder}/{name}") or "").strip()
        return int(text) if text.isdecimal() else otherwise

    total = count("nr_hugepages")
    return Pool(
        size_kib=size_kib,
        node=node,
        total=total,
        free=count("free_hugepages", total),
        surplus=count("surplus_hugepages"),
        reserved=count("resv_hugepages") if node is None else 0,
    )


def parse_mounts(text: str, default_kib: int | None) -> tuple[HugetlbMount, ...]:
    """The hugetlbfs lines of /proc/mounts; without ``pagesize=`` it is the default size."""
    mounts: list[HugetlbMount] = []
    for line in text.splitlines():
        words = line.split(" ")
        if len(words) >= 4 and words[2] == "hugetlbfs":
            size = _page_size(words[3]) or default_kib
            if size is not None:
                mounts.append(HugetlbMount(_unescape(words[1]), size))
    return tuple(mounts)


def _page_size(options: str) -> int | None:
    for option in options.split(","):
        match = re.fullmatch(r"pagesize=(\d{1,18})([KMGT]?)", option, re.IGNORECASE)
        if match:
            unit = match.group(2).upper()
            number = int(match.group(1))
            return number * _UNITS[unit] if unit else number // 1024
    return None


def _unescape(path: str) -> str:
    """Blank, tab, newline and backslash stand in octal in /proc/mounts (getmntent(3))."""
    return re.sub(r"\\([0-7]{3})", lambda m: chr(int(m.group(1), 8)), path)
