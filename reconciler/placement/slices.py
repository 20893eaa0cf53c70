"""system.slice, user.slice and init.scope on the reserved CPUs (systemd.resource-control(5))."""

from __future__ import annotations

from backends.steps import Run, Step, WriteAttribute
from backends.topology.systemd import CGROUPS, HOST_UNITS
from reconciler.budget.placement_checks import DROP_IN
from reconciler.budget.sets import cpu_sets
from reconciler.context import Context, Result
from reconciler.model import GONE, Change
from reconciler.placement.bundle import Bundle, planned
from specs.values import CpuSet

_FILES = {unit: f"/etc/systemd/system/{unit}.d/{DROP_IN}" for unit in HOST_UNITS}
PATHS = tuple(_FILES.values())
ID = "affinity:slices"


def plan(ctx: Context) -> Result:
    """One change for the three drop-ins and for systemd to follow them."""
    wanted = _wanted(ctx)
    bundle = Bundle(
        change=_change(ctx, wanted),
        paths=PATHS,
        wanted={} if wanted is None else _contents(ctx, wanted),
        tell=_tell(ctx, wanted),
        settled=_follows(ctx, wanted),
    )
    return planned(ctx, bundle, "cpu.slices", f"are kept on {wanted}")


def _wanted(ctx: Context) -> CpuSet | None:
    reserved = cpu_sets(ctx.spec.cpu, ctx.state.cpu).reserved
    return reserved if ctx.spec.cpu.slices and reserved else None


def _contents(ctx: Context, cpus: CpuSet) -> dict[str, bytes]:
    """The empty assignment drops what vendor files had said."""
    return {
        path: (
            f"{ctx.header}[{'Scope' if unit.endswith('.scope') else 'Slice'}]\n"
            f"AllowedCPUs=\nAllowedCPUs={cpus}\n"
        ).encode()
        for unit, path in _FILES.items()
    }


def _change(ctx: Context, wanted: CpuSet | None) -> Change:
    now = {s.unit: str(s.running or "all CPUs") for s in ctx.state.systemd.slices}
    return Change(
        id=ID,
        kind="affinity",
        object="slices",
        field="AllowedCPUs",
        before=", ".join(f"{unit} {now.get(unit, '')}".strip() for unit in HOST_UNITS),
        after="as before" if wanted is None else str(wanted),
        because=GONE if wanted is None else "cpu.slices",
        steps=(),
    )


def _tell(ctx: Context, wanted: CpuSet | None) -> tuple[Step, ...]:
    """systemd 252 applies drop-ins to running slices on a reload, 257 only to scopes (seen in the
    lab on Debian 13): what it is to write at the next boot is written now as well. A setting that
    went away it leaves in the cgroup (systemd issue 43846) while something else keeps the
    controller on, so that is opened by hand where no other file sets it. Opened, not cleared: a
    cgroup with processes takes no empty list (ENOSPC; kernel/cgroup/cpuset.c, validate_change)."""
    systemd = ctx.state.systemd
    if not systemd.booted:
        return ()
    reload = Run(("systemctl", "daemon-reload"), timeout=120.0, regenerates=True)
    if wanted is not None:
        confine = (WriteAttribute(_cpuset(u), f"{wanted}\n", optional=True) for u in HOST_UNITS)
        return (reload, *confine) if systemd.cpuset else (reload,)
    # The reload may switch the whole controller off, and the attribute is gone then.
    every = f"{ctx.state.cpu.possible}\n"
    opened = (WriteAttribute(_cpuset(u), every, optional=True) for u in _left_over(ctx))
    return (reload, *opened)


def _cpuset(unit: str) -> str:
    return f"{CGROUPS}/{unit}/cpuset.cpus"


def _left_over(ctx: Context) -> tuple[str, ...]:
    """Units that are confined, and by nothing but our file (if that is still there)."""
    found = (ctx.state.systemd.slice(unit) for unit in HOST_UNITS)
    return tuple(
        s.unit
        for s in found
        if s
        and s.running is not None
        and not ctx.state.cpu.possible <= s.running
        and {f.path for f in s.files} <= {_FILES[s.unit]}
    )


def _follows(ctx: Context, wanted: CpuSet | None) -> bool:
    """Whether the cgroups are as wanted; where cgroups cannot do it, there is nothing to wait for.

    The kernel keeps only CPUs that exist, systemd those that it can parse: compared is the set.
    """
    systemd = ctx.state.systemd
    if not (systemd.booted and systemd.cpuset):
        return True
    if wanted is None:
        return not _left_over(ctx)
    return all((found := systemd.slice(u)) and found.running == wanted for u in HOST_UNITS)
