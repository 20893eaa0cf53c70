"""``[hugepages]``: reserved at boot by arguments, grown at run time, kept over reboots."""

from __future__ import annotations

from reconciler.budget.memory_checks import memory_findings
from reconciler.budget.pages import Target, boot_targets, hugepage_args, targets
from reconciler.budget.placement_checks import writer_findings
from reconciler.context import ArgWish, Context, FileWish, Result, Wishes
from reconciler.hugepages import mounts, pools
from reconciler.model import Effective
from reconciler.resources.cpu import configured
from specs.values import PageSize

TMPFILES = "/etc/tmpfiles.d/reconcile-hugepages.conf"


class Hugepages:
    """Pools and the hugetlbfs mounts that libvirt takes their pages from."""

    kind = "hugepages"
    order = 50
    own_paths: tuple[str, ...] = (TMPFILES, *mounts.PATHS)

    def wishes(self, ctx: Context) -> Wishes:
        """Arguments as one block; a tmpfiles.d file for what no argument reserves; mount units."""
        return Wishes(args=_args(ctx), files=(*_tmpfiles(ctx), *mounts.wishes(ctx)))

    def plan(self, ctx: Context, wishes: Wishes) -> Result:
        """The running pools, and mounts that are not there yet."""
        parts = (pools.plan(ctx, at_start(ctx), _args(ctx)), mounts.plan(ctx))
        return Result(
            changes=tuple(c for part in parts for c in part.changes),
            findings=(
                *memory_findings(ctx.spec.hugepages, ctx.state.memory, ctx.state.cpu),
                *writer_findings(ctx.spec.hugepages, ctx.state.hugepage_writers),
                *(f for part in parts for f in part.findings),
            ),
            unchanged=tuple(u for part in parts for u in part.unchanged),
        )


RESOURCE = Hugepages()


def _args(ctx: Context) -> tuple[ArgWish, ...]:
    default = ctx.state.memory.default_kib
    return hugepage_args(
        ctx.spec.hugepages,
        ctx.state.identity.kernel,
        configured(ctx),
        PageSize.from_kib(default) if default else None,
    )


def at_start(ctx: Context) -> tuple[Target, ...]:
    """The pools that arguments do not reserve: systemd-tmpfiles does, early at each start."""
    at_boot = boot_targets(ctx.spec.hugepages, ctx.state.identity.kernel)
    return tuple(t for t in targets(ctx.spec.hugepages) if t not in at_boot)


def _tmpfiles(ctx: Context) -> tuple[FileWish, ...]:
    """``w!`` writes at boot only, so that no package upgrade resizes a pool in use."""
    own = at_start(ctx)
    if not own:
        return ()
    lines = [f"w! {pools.path(t.size, t.node)} - - - - {t.count}" for t in own]
    content = ctx.header + "".join(f"{line}\n" for line in lines)
    because = ", ".join(t.where for t in own)
    wish = FileWish(TMPFILES, content.encode(), because, effective=Effective.NOW)
    return (wish,)
