"""What is recorded of pools, in the terms in which the spec counts them now: by node, or for all.

A size that was declared for the whole host and now is declared per node (or the other way round)
is the same pages counted in another way: giving the old pool back would undo the new one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from backends.topology.memory import MemoryState
from reconciler.budget.pages import Target
from reconciler.model import Change, Claim
from specs.values import PageSize

SECTION = "hugepages"
Records = Mapping[str, Mapping[str, Any]]


def name(page: PageSize, node: int | None) -> str:
    """The key of a pool's record: ``2M``, or ``2M@1``."""
    return str(page) if node is None else f"{page}@{node}"


def parse(key: str) -> tuple[PageSize, int | None]:
    """Size and node of a key."""
    size, _, at = key.partition("@")
    return PageSize.parse(size), int(at) if at else None


def regrouped(owned: Records, wanted: Sequence[Target], memory: MemoryState) -> Records:
    """The records with those of each wanted size as it is counted in ``wanted``."""
    records = dict(owned)
    for page in dict.fromkeys(target.size for target in wanted):
        by_node = any(t.node is not None for t in wanted if t.size == page)
        keys = [key for key in owned if parse(key)[0] == page]
        old = {k: records.pop(k) for k in keys if (parse(k)[1] is not None) != by_node}
        if old and len(old) == len(keys):  # else a killed run had begun to count anew
            records |= dict(_by_node(page, old, memory) if by_node else _all(page, old, memory))
    return records


def recounted(page: PageSize, owned: Records, records: Records, because: str) -> Change | None:
    """The change that records it; None where a size is counted as before."""
    gone, new = (
        [key for key in one if key not in other and parse(key)[0] == page]
        for one, other in ((owned, records), (records, owned))
    )
    if not gone:
        return None
    claims = [Claim(SECTION, key, records[key]) for key in new]
    return Change(
        id=f"hugepages:{page}:counted",
        kind="hugepages",
        object=f"pool of {page}",
        field="record",
        before=f"counted as {', '.join(gone)}",
        after=f"counted as {', '.join(new)}" if new else None,
        because=because,
        steps=(),
        claims=(*claims, *(Claim(SECTION, key, None) for key in gone)),
    )


def _all(page: PageSize, old: Records, memory: MemoryState) -> Iterator[tuple[str, dict[str, int]]]:
    """One record of the sum: what there would be if every node had its own back."""
    host = memory.pool(page.kib)
    if host is not None:
        pools = [(memory.pool(page.kib, parse(key)[1]), record) for key, record in old.items()]
        ours = sum(pool.total - int(record["before"]) for pool, record in pools if pool)
        yield name(page, None), {"before": max(0, host.total - ours), "free": host.free}


def _by_node(
    page: PageSize, old: Records, memory: MemoryState
) -> Iterator[tuple[str, dict[str, int]]]:
    """A record for each node with memory: the kernel spread over them what was added, and nobody
    knows better where."""
    host = memory.pool(page.kib)
    left = max(0, (host.total if host else 0) - int(old[name(page, None)]["before"]))
    nodes = [pool for n in memory.memory_nodes if (pool := memory.pool(page.kib, n)) is not None]
    for index, pool in enumerate(sorted(nodes, key=lambda pool: pool.total)):
        share = min(pool.total, left // (len(nodes) - index))
        left -= share
        yield name(page, pool.node), {"before": pool.total - share, "free": pool.free}
