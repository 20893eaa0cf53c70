"""irqbalance, kept off everything but the reserved CPUs (irqbalance(1))."""

from __future__ import annotations

from backends.steps import Run
from reconciler.budget.sets import cpu_sets
from reconciler.context import Context, Result
from reconciler.model import GONE, Change
from reconciler.placement.bundle import Bundle, planned
from specs.values import CpuSet

_ENVIRONMENT = "/etc/reconcile/irqbalance.env"
_DROP_IN = "/etc/systemd/system/irqbalance.service.d/reconcile.conf"
PATHS = (_ENVIRONMENT, _DROP_IN)
ID = "affinity:irqbalance"


def plan(ctx: Context) -> Result:
    """A later EnvironmentFile= wins over the distribution's own, so that file stays untouched."""
    banned = _banned(ctx)
    bundle = Bundle(
        change=_change(ctx, banned),
        paths=PATHS,
        wanted={} if banned is None else _contents(ctx, banned),
        tell=_tell(ctx),
    )
    return planned(ctx, bundle, "cpu.irq_affinity", f"is kept off {banned}")


def _banned(ctx: Context) -> CpuSet | None:
    """Everything that is not reserved, and what the administrator has banned. Setting the list
    replaces irqbalance's own ban of isolated CPUs, so it must be whole (irqbalance cputree.c)."""
    daemon, cpus = ctx.state.irq.irqbalance, ctx.state.cpu
    reserved = cpu_sets(ctx.spec.cpu, cpus).reserved
    if not (ctx.spec.cpu.irq_affinity and daemon.installed and reserved and cpus.present):
        return None
    return (cpus.present - reserved) | (daemon.banned or CpuSet())


def _contents(ctx: Context, banned: CpuSet) -> dict[str, bytes]:
    environment = f"{ctx.header}IRQBALANCE_BANNED_CPULIST={banned}\n"
    drop_in = f"{ctx.header}[Service]\nEnvironmentFile={_ENVIRONMENT}\n"
    return {_ENVIRONMENT: environment.encode(), _DROP_IN: drop_in.encode()}


def _change(ctx: Context, banned: CpuSet | None) -> Change:
    before = ctx.state.irq.irqbalance.banned
    return Change(
        id=ID,
        kind="affinity",
        object="irqbalance",
        field="IRQBALANCE_BANNED_CPULIST",
        before=None if before is None else str(before),
        after="as before" if banned is None else str(banned),
        because=GONE if banned is None else "cpu.irq_affinity",
        steps=(),
    )


def _tell(ctx: Context) -> tuple[Run, ...]:
    """try-restart leaves a stopped daemon stopped, and fails for one that is not there."""
    if not ctx.state.systemd.booted:
        return ()
    reload = Run(("systemctl", "daemon-reload"), timeout=120.0, regenerates=True)
    argv = ("systemctl", "try-restart", "irqbalance.service")
    restart = Run(argv, timeout=120.0, regenerates=True)
    return (reload, restart) if "irqbalance.service" in ctx.state.systemd.running else (reload,)
