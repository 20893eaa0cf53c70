"""Hugepages from ``[hugepages]``: arguments for the boot, targets for the running kernel."""

from __future__ import annotations

from collections.abc import Sequence

from backends.formats.cmdline import hugepage_words, name_of, normal_name, value_of
from backends.topology.memory import MemoryState
from reconciler.budget.words import older
from reconciler.context import ArgWish
from specs.hugepages import Hugepages
from specs.record import Record
from specs.values import PageSize

# hugepages=NODE:COUNT came with 5.16 (commit b5389086ad7b, "hugetlbfs: extend the definition of
# hugepages parameter to support node allocation").
_NODE_FORM = (5, 16)


class Target(Record):
    """How many pages of a size the host, or one node, is to have. ``where`` is a spec path."""

    size: PageSize
    node: int | None
    count: int
    at_boot: bool
    where: str

    @property
    def kib(self) -> int:
        """The memory that it takes."""
        return self.size.kib * self.count


def targets(table: Hugepages) -> tuple[Target, ...]:
    """Every declared pool, in the order of the spec."""
    return tuple(
        Target(p.size, p.node, p.count, p.at_boot, f"hugepages.pages[{i}]")
        for i, p in enumerate(table.pages)
    )


def boot_targets(table: Hugepages, release: str) -> tuple[Target, ...]:
    """The pools that the running kernel can be told of by arguments: those of single nodes only
    from 5.16 on. The others are grown early at every start."""
    old = older(release, *_NODE_FORM)
    return tuple(t for t in targets(table) if t.at_boot and not (old and t.node is not None))


def hugepage_args(
    table: Hugepages, release: str, present: Sequence[str] = (), first: PageSize | None = None
) -> tuple[ArgWish, ...]:
    """One ordered block: the default size first, then each size with its count.

    A block of ``present`` that means the same is kept as it is written; ``first`` is the size
    that a ``hugepages=`` before any size belongs to.
    """
    wanted = boot_targets(table, release)
    wishes = []
    if table.default_size is not None:
        size = table.default_size
        wishes.append(ArgWish(f"default_hugepagesz={size}", "hugepages.default_size"))
    for size in dict.fromkeys(t.size for t in wanted):
        own = [t for t in wanted if t.size == size]
        because = ", ".join(t.where for t in own)
        wishes.append(ArgWish(f"hugepagesz={size}", because))
        wishes.append(ArgWish(f"hugepages={_count(own)}", because))
    block = hugepage_words(present)
    if wishes and block_meaning(block, first) == block_meaning([w.arg for w in wishes]):
        because = ", ".join(dict.fromkeys(path for w in wishes for path in w.places))
        return tuple(ArgWish(word, because) for word in block)
    return tuple(wishes)


def _count(own: Sequence[Target]) -> str:
    if own[0].node is None:
        return str(own[0].count)
    return ",".join(f"{t.node}:{t.count}" for t in sorted(own, key=lambda t: t.node or 0))


def block_meaning(
    words: Sequence[str], first: PageSize | None = None
) -> tuple[str | None, frozenset[tuple[str, str]]] | None:
    """Default size, and size with count, of a block; None where the kernel would drop a part
    (mm/hugetlb.c): a size counted twice, a count without a size, a size nobody can read."""
    default: str | None = None
    size = None if first is None else str(first)
    counts: dict[str, str] = {}
    for word in words:
        name, value = normal_name(name_of(word)), value_of(word) or ""
        if name == "hugepages":
            if size is None or size in counts:
                return None
            counts[size] = value
            continue
        try:
            size = str(PageSize.parse(value))
        except ValueError:
            return None
        if name == "default_hugepagesz":
            if default is not None:
                return None
            default = size
    return default, frozenset(counts.items())


def default_kib(table: Hugepages, state: MemoryState) -> int | None:
    """The default page size from the next boot on: as declared, else what it is now."""
    return table.default_size.kib if table.default_size else state.default_kib
