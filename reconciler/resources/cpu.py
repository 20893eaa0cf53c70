"""``[cpu]``: isolation at boot, and where the host's own work runs now."""

from __future__ import annotations

from collections.abc import Iterator

from backends.formats.cmdline import has, same, same_name
from reconciler.budget.cpu_args import cpu_args
from reconciler.budget.cpu_checks import cpu_findings
from reconciler.budget.placement_checks import irqbalance_findings, slice_findings
from reconciler.budget.sets import cpu_sets
from reconciler.budget.tuned_checks import tuned_findings
from reconciler.context import ArgWish, Context, Result, Wishes
from reconciler.model import Finding, refuse, warn
from reconciler.placement import interrupts, irqbalance, slices
from specs.values import CpuSet


class Cpus:
    """Arguments are wishes; slices, irqbalance and running interrupts are changes."""

    kind = "cpu"
    order = 40
    own_paths: tuple[str, ...] = (*slices.PATHS, *irqbalance.PATHS)

    def wishes(self, ctx: Context) -> Wishes:
        """Arguments in the words that the host already has for them."""
        return Wishes(args=_args(ctx))

    def plan(self, ctx: Context, wishes: Wishes) -> Result:
        """What takes effect without a reboot, and everything that is odd about the sets."""
        parts = (slices.plan(ctx), irqbalance.plan(ctx), interrupts.plan(ctx))
        return Result(
            changes=tuple(c for part in parts for c in part.changes),
            findings=(*_findings(ctx), *(f for part in parts for f in part.findings)),
            pending=tuple(p for part in parts for p in part.pending),
            unchanged=tuple(u for part in parts for u in part.unchanged),
        )


RESOURCE = Cpus()


def configured(ctx: Context) -> tuple[str, ...]:
    """The command line of the next boot: as configured, else of the first normal entry."""
    state = ctx.state.boot
    if state.configured is not None:
        return state.configured
    return next((entry.args for entry in state.normal()), ())


def _args(ctx: Context) -> tuple[ArgWish, ...]:
    return cpu_args(ctx.spec.cpu, ctx.state.cpu, configured(ctx))


def _findings(ctx: Context) -> Iterator[Finding]:
    table, state = ctx.spec.cpu, ctx.state
    sets = cpu_sets(table, state.cpu)
    pinned = CpuSet(cpu for vm in ctx.spec.vm for pin in vm.cputune.vcpupin for cpu in pin)
    yield from cpu_findings(table, state.cpu, state.identity.kernel)
    yield from tuned_findings(state.tuned, table, ctx.spec.hugepages)
    yield from slice_findings(table, sets, state.systemd, pinned)
    yield from irqbalance_findings(table, sets, state.irq.irqbalance)
    yield from _foreign(ctx)
    yield from _not_effective(ctx)


def _foreign(ctx: Context) -> Iterator[Finding]:
    """Arguments of the same name that somebody else has put there: the kernel would take one of
    the two and drop the other (kernel/sched/isolation.c)."""
    ours = (*(ctx.owned.get("kernel-args", "args") or ()), *(a.arg for a in _args(ctx)))
    absent = tuple(str(a) for a in ctx.spec.boot.absent_kernel_args)
    for wish in _args(ctx):
        for word in _every_word(ctx):
            known = any(same(word, arg) for arg in ours) or _is_absent(word, absent)
            if same_name(word, wish.arg) and not known:
                message = f"{word} is on the command line already, and not by reconcile"
                hint = f'write absent_kernel_args = ["{word}"] in [boot], or remove it by hand'
                if word in ctx.state.tuned.cmdline.split():
                    hint = "TuneD puts it there: tuned-adm profile virtual-host takes it away"
                yield refuse("kernel-arg-conflict", wish.because, message, hint)


def _every_word(ctx: Context) -> dict[str, None]:
    """The words of the next boot as configured, and those that only the entries have: TuneD's
    stand in a variable there."""
    entries = (word for entry in ctx.state.boot.normal() for word in entry.args)
    return dict.fromkeys((*configured(ctx), *entries))


def _is_absent(word: str, absent: tuple[str, ...]) -> bool:
    return any(same(word, a) or ("=" not in a and same_name(word, a)) for a in absent)


def _not_effective(ctx: Context) -> Iterator[Finding]:
    """The kernel got our argument and did not do it: it says why in its log only."""
    cpu = ctx.state.cpu
    for wish in _args(ctx) if cpu.shows_isolated else ():
        if not has(ctx.state.boot.running, wish.arg):
            continue
        name = wish.arg.partition("=")[0]
        shown = {"isolcpus": cpu.isolated, "nohz_full": cpu.nohz_full}.get(name)
        # nohz_full= never takes the CPU that boots.
        wanted = (_wanted(ctx, name) & cpu.present) - CpuSet(sorted(cpu.online)[:1])
        if shown is not None and wanted - shown:
            message = (
                f"the kernel got {wish.arg} and did not follow it: it has {shown or 'none'}; of "
                "two arguments that differ it drops one"
            )
            yield warn("isolation-not-effective", wish.because, message, "look at dmesg")


def _wanted(ctx: Context, name: str) -> CpuSet:
    """What /sys would show. Only the domain flag shows in cpu/isolated."""
    sets = cpu_sets(ctx.spec.cpu, ctx.state.cpu)
    if name == "nohz_full":
        return sets.nohz_full
    return sets.isolated if "domain" in ctx.spec.cpu.isolation else CpuSet()
