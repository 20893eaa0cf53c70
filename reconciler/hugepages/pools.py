"""Running pools: grown in steps with compaction, shrunk only by pages that nobody uses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backends.formats.cmdline import has
from backends.steps import Step, WriteAttribute
from backends.topology.memory import HUGEPAGES, Pool
from backends.topology.numa import NODES
from reconciler.budget.pages import Target, targets
from reconciler.budget.words import size
from reconciler.context import ArgWish, Context, Result
from reconciler.hugepages.regrouped import SECTION, name, parse, recounted, regrouped
from reconciler.model import GONE, Change, Claim, Finding, Unchanged, refuse, warn
from reconciler.ownership import Owned
from specs.record import replace
from specs.values import PageSize

_COMPACT = "/proc/sys/vm/compact_memory"
_STRIDES = 4
_PATIENCE = 600.0  # seconds: terabytes are compacted and zeroed inside one write


def plan(ctx: Context, at_start: Sequence[Target], args: Sequence[ArgWish]) -> Result:
    """Every declared pool that this kernel has, then those that are given back."""
    wanted = [t for t in targets(ctx.spec.hugepages) if _pool(ctx, t) is not None]
    before = ctx.owned.section(SECTION)
    records = regrouped(before, wanted, ctx.state.memory)
    ctx = replace(ctx, owned=Owned({**ctx.owned.sections, SECTION: records}))
    counted = [c for t in wanted if (c := recounted(t.size, before, records, t.where))]
    changes, findings, same_as_wanted = [], [], []
    for target in wanted:
        pool = _pool(ctx, target)
        assert pool is not None
        if pool.total == target.count:
            same_as_wanted.append(_unchanged(target))
        elif target in at_start:
            stops = [*_in_use_findings(ctx, target, pool), *_no_room(ctx, target, pool)]
            findings += stops
            changes += [] if stops else [_resize(ctx, target, pool)]
        elif _asked_at_boot(ctx, args):
            moved, said = _after_boot(ctx, target, pool)
            changes += moved
            findings += said
    back = [
        _give_back(ctx, key) for key in ctx.owned.section(SECTION) if key not in map(_key, wanted)
    ]
    changes += [c for c, _ in back if c is not None]
    findings += [f for _, f in back if f is not None]
    first = {change.id: change for change in counted}
    changes = [*first.values(), *(replace(c, requires=frozenset(first)) for c in changes)]
    return Result(tuple(changes), tuple(findings), unchanged=tuple(same_as_wanted))


def _pool(ctx: Context, target: Target) -> Pool | None:
    return ctx.state.memory.pool(target.size.kib, target.node)


def _key(target: Target) -> str:
    return name(target.size, target.node)


def path(page: PageSize, node: int | None) -> str:
    """The attribute that sizes a pool (admin-guide/mm/hugetlbpage.rst)."""
    base = HUGEPAGES if node is None else f"{NODES}/node{node}/hugepages"
    return f"{base}/hugepages-{page.kib}kB/nr_hugepages"


def _asked_at_boot(ctx: Context, args: Sequence[ArgWish]) -> bool:
    """Whether this boot already had our arguments: a pool that differs then will not come right
    by another reboot."""
    running = ctx.state.boot.running
    return bool(args) and all(has(running, a.arg) for a in args)


def _after_boot(ctx: Context, target: Target, pool: Pool) -> tuple[list[Change], list[Finding]]:
    """A pool that is not what this boot was asked for. What the kernel could not find then it may
    find now; where even the memory is not there, nothing is tried and nothing else held up."""
    stops = list(_in_use_findings(ctx, target, pool))
    if pool.total >= target.count:
        return ([], stops) if stops else ([_resize(ctx, target, pool)], [])
    tried = [] if list(_no_room(ctx, target, pool)) else [_resize(ctx, target, pool)]
    return tried, [_shortage(target, pool)]


def _shortage(target: Target, pool: Pool) -> Finding:
    message = (
        f"the kernel was asked for {target.count} pages of {target.size} at boot and got "
        f"{pool.total}; growing it now may fail, as memory is no longer in one piece"
    )
    return warn("hugepages-short", target.where, message, "declare fewer, or look at dmesg")


def _unchanged(target: Target) -> Unchanged:
    at = "" if target.node is None else f" on node {target.node}"
    reason = f"has {target.count} pages{at}"
    return Unchanged(f"pool of {target.size}", reason, target.where)


def _in_use_findings(ctx: Context, target: Target, pool: Pool) -> Iterator[Finding]:
    """Shrinking below what is used would leave surplus pages that vanish later. Pages that are
    promised but not yet touched are counted for the whole host only, so a node's pool may not take
    the host's below them either."""
    used = _used(ctx, _key(target), pool)
    if used > target.count:
        yield _in_use(target.where, target.size, target.count, used)
        return
    host = ctx.state.memory.pool(target.size.kib)
    if host is None or pool.node is None or not target.count < pool.total <= host.total:
        return
    left = host.total - (pool.total - target.count)
    if host.in_use > left:
        yield _in_use(target.where, target.size, left, host.in_use)


def _used(ctx: Context, key: str, pool: Pool) -> int:
    """Pages in use. In a tree no kernel counts: those that we have added there are not free, as
    the number of free ones is the same as before, and not in use either."""
    record = ctx.owned.get(SECTION, key)
    if record and ctx.tree and record.get("free") == pool.free:
        return max(0, int(record["before"]) - pool.free) + pool.reserved
    return pool.in_use


def _no_room(ctx: Context, target: Target, pool: Pool) -> Iterator[Finding]:
    """Growing by more than is available ends in the OOM killer: the write succeeds all the same.
    What is more than all memory is another finding's matter."""
    extra = (target.count - pool.total) * target.size.kib
    memory = ctx.state.memory
    node = None if target.node is None else memory.node(target.node)
    for place, available, total in (
        ("", memory.available_kib, memory.total_kib),
        *(((f" on node {node.number}", node.available_kib, node.total_kib),) if node else ()),
    ):
        free = max(0, available - total // 20)
        if target.kib <= total and extra > free:
            message = (
                f"growing the pool of {target.size}{place} now takes {size(extra)}; "
                f"{size(free)} are free"
            )
            hint = "write boot = true: then the next boot reserves them before anything else"
            yield refuse("hugepages-exceed-memory", target.where, message, hint)
            return


def _in_use(where: str, page: PageSize, count: int, used: int) -> Finding:
    message = f"{used} pages of {page} are in use, more than the {count} that are to stay"
    return refuse("hugepages-in-use", where, message, "shut down the VMs that use them")


def _resize(ctx: Context, target: Target, pool: Pool) -> Change:
    known = ctx.owned.get(SECTION, _key(target)) or {"before": pool.total, "free": pool.free}
    return Change(
        id=f"hugepages:{_key(target)}",
        kind="hugepages",
        object=f"pool of {target.size}"
        + ("" if target.node is None else f" on node {target.node}"),
        field="pages",
        before=pool.total,
        after=target.count,
        because=target.where,
        steps=_steps(path(target.size, target.node), pool.total, target.count),
        claims=(Claim(SECTION, _key(target), known),),
    )


def _steps(attribute: str, now: int, wanted: int) -> tuple[Step, ...]:
    """Growth in quarters, each after a compaction: the write reports success even where the
    kernel found fewer pages (mm/hugetlb.c), so what was got is read back afterwards."""
    if wanted < now:
        return (WriteAttribute(attribute, f"{wanted}\n"),)
    marks = sorted({now + (wanted - now) * part // _STRIDES for part in range(1, _STRIDES + 1)})
    steps: list[Step] = []
    for mark in marks:
        if mark > now:
            # Compaction leaves nothing to undo, and a kernel without it lacks the file.
            steps.append(
                WriteAttribute(
                    _COMPACT, "1\n", undo=(), timeout=_PATIENCE, optional=True, tolerate=True
                )
            )
            steps.append(WriteAttribute(attribute, f"{mark}\n", timeout=_PATIENCE))
    return tuple(steps)


def _give_back(ctx: Context, key: str) -> tuple[Change | None, Finding | None]:
    """A pool that reconcile had resized goes back to what it was."""
    page, node = parse(key)
    pool, count = ctx.state.memory.pool(page.kib, node), ctx.owned.get(SECTION, key)["before"]
    if pool is not None and (used := _used(ctx, key, pool)) > count:
        return None, _in_use("hugepages", page, count, used)
    differs = pool is not None and pool.total != count
    change = Change(
        id=f"hugepages:{key}",
        kind="hugepages",
        object=f"pool of {page}" + ("" if node is None else f" on node {node}"),
        field="pages",
        before=pool.total if pool else None,
        after=count,
        because=GONE,
        steps=_steps(path(page, node), pool.total, count) if pool and differs else (),
        claims=(Claim(SECTION, key, None),),
    )
    return change, None
