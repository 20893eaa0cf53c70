"""The IOMMU: which arguments this host needs for it, judged by what runs and not by the line."""

from __future__ import annotations

from backends.formats.cmdline import matching
from reconciler.context import ArgWish, Context, Result, Wishes
from reconciler.passthrough.need import needing


class Iommu:
    """``boot.iommu``, or what devices and VFs need without a word about it."""

    kind = "iommu"
    order = 10
    own_paths: tuple[str, ...] = ()

    def wishes(self, ctx: Context) -> Wishes:
        """intel_iommu=on where the kernel would not do it by itself, and the default domain.

        AMD's is on whenever firmware publishes IVRS; ``amd_iommu=on`` is no option at all
        (drivers/iommu/amd/init.c). ``iommu=pt`` does not switch anything on.
        """
        wanted, because = _wanted(ctx)
        if wanted is None:
            return Wishes()
        args = [ArgWish("intel_iommu=on", because)] if _needs_intel_on(ctx) else []
        domain = "iommu=pt" if wanted == "passthrough" else "iommu.passthrough=0"
        return Wishes(args=(*args, ArgWish(domain, because)))

    def plan(self, ctx: Context, wishes: Wishes) -> Result:
        """Findings about the IOMMU belong to the devices that need it."""
        return Result()


RESOURCE = Iommu()


def _wanted(ctx: Context) -> tuple[str | None, str]:
    if ctx.spec.boot.iommu is not None:
        return ctx.spec.boot.iommu, "boot.iommu"
    tables = needing(ctx.spec)
    return ("passthrough", tables[0]) if tables else (None, "")


def _needs_intel_on(ctx: Context) -> bool:
    """Not where it runs without the argument; but what runs because of it must stay."""
    iommu = ctx.state.iommu
    if iommu.kind != "intel":
        return False
    asked = matching(ctx.state.boot.running, "intel_iommu=on")
    return not iommu.active or bool(asked)
