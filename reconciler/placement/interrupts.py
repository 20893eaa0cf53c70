"""Running interrupts on the reserved CPUs (core-api/irq/irq-affinity.rst)."""

from __future__ import annotations

from typing import Any

from backends.formats.cpumask import print_mask
from backends.steps import Step, WriteAttribute
from backends.topology.irq import DEFAULT_AFFINITY, IRQS, Irq
from reconciler.budget.cpu_args import meaning
from reconciler.budget.sets import cpu_sets
from reconciler.budget.words import older
from reconciler.context import Context, Result
from reconciler.model import GONE, Change, Claim, Finding, Unchanged, note
from specs.values import CpuSet

ID = "affinity:interrupts"
SECTION = "interrupts"
_KEY = "running"


def plan(ctx: Context) -> Result:
    """Those that may be moved and are not where they should be; then the default for new ones."""
    reserved = _wanted(ctx)
    if reserved is None:
        return _give_back(ctx)
    irqs, default = ctx.state.irq.irqs, ctx.state.irq.default
    outside = [irq for irq in irqs if not irq.affinity <= reserved]
    stuck = [irq for irq in outside if _stays(ctx, irq, reserved)]
    movable = [irq for irq in outside if irq not in stuck]
    default_differs = default is not None and default != reserved & ctx.state.cpu.possible
    findings = (_kept(stuck),) if stuck else ()
    if not (movable or default_differs):
        same = Unchanged("interrupts", f"are kept on {reserved}", "cpu.irq_affinity")
        return Result(findings=findings, unchanged=(same,))
    steps: list[Step] = [
        WriteAttribute(f"{IRQS}/{irq.number}/smp_affinity_list", f"{reserved}\n", tolerate=True)
        for irq in movable
    ]
    if default_differs:
        steps.insert(0, WriteAttribute(DEFAULT_AFFINITY, f"{print_mask(reserved)}\n"))
    change = Change(
        id=ID,
        kind="affinity",
        object="interrupts",
        field="smp_affinity",
        before=_summary(movable, default),
        after=str(reserved),
        because="cpu.irq_affinity",
        steps=tuple(steps),
        claims=(Claim(SECTION, _KEY, _record(ctx, reserved, movable)),),
    )
    return Result(changes=(change,), findings=findings)


def _wanted(ctx: Context) -> CpuSet | None:
    reserved = cpu_sets(ctx.spec.cpu, ctx.state.cpu).reserved & ctx.state.cpu.online
    known = bool(ctx.state.irq.irqs) or ctx.state.irq.default is not None
    return reserved if ctx.spec.cpu.irq_affinity and known and reserved else None


def _summary(movable: list[Irq], default: CpuSet | None) -> str:
    count = f"{len(movable)} elsewhere" if movable else "all there"
    return count if default is None else f"{count}, new ones on {default}"


def _record(ctx: Context, reserved: CpuSet, movable: list[Irq]) -> dict[str, Any]:
    """What stood there first in this boot: numbers mean nothing in another one."""
    known = _known(ctx) or {"default": _text(ctx.state.irq.default), "before": {}, "tried": []}
    before = {str(irq.number): str(irq.affinity) for irq in movable} | known["before"]
    tried = sorted({irq.number for irq in movable} | set(_tried(ctx, reserved)))
    return {
        "boot_id": ctx.state.identity.boot_id,
        "cpus": str(reserved),
        "default": known["default"],
        "before": before,
        "tried": tried,
    }


def _text(cpus: CpuSet | None) -> str | None:
    return None if cpus is None else str(cpus)


def _known(ctx: Context) -> dict[str, Any] | None:
    """Our record of this very boot."""
    record: dict[str, Any] | None = ctx.owned.get(SECTION, _KEY)
    same_boot = record is not None and record["boot_id"] == ctx.state.identity.boot_id
    return record if same_boot else None


def _stays(ctx: Context, irq: Irq, reserved: CpuSet) -> bool:
    """Whether the kernel keeps this interrupt's affinity to itself.

    Kernels before 6.12 do not show it. There, one that was told once in this boot and stayed is
    such a one; and in a boot that had irqaffinity= one that is elsewhere without its driver
    having asked for that, since every other one started on the reserved CPUs.
    """
    if irq.fixed:
        return True
    if not older(ctx.state.identity.kernel, 6, 12):
        return False
    return irq.number in _tried(ctx, reserved) or (_booted_so(ctx, reserved) and not irq.hinted)


def _booted_so(ctx: Context, reserved: CpuSet) -> bool:
    last = max(ctx.state.cpu.possible, default=None)
    return any(meaning(w, last)[::2] == ("irqaffinity", reserved) for w in ctx.state.boot.running)


def _tried(ctx: Context, reserved: CpuSet) -> frozenset[int]:
    """Interrupts that were told in this boot."""
    record = _known(ctx)
    if record is None or record["cpus"] != str(reserved):
        return frozenset()
    return frozenset(record["tried"])


def _kept(stuck: list[Irq]) -> Finding:
    names = ", ".join(f"{irq.number} ({' '.join(irq.names)})" for irq in stuck[:6] if irq.names)
    listed = names or ", ".join(str(irq.number) for irq in stuck[:6])
    more = f" and {len(stuck) - 6} more" if len(stuck) > 6 else ""
    message = f"the kernel keeps the affinity of these interrupts to itself: {listed}{more}"
    hint = "isolation with managed_irq keeps managed ones off isolated CPUs where it can"
    return note("irq-managed", "cpu.irq_affinity", message, hint)


def _give_back(ctx: Context) -> Result:
    """In the boot in which they were moved; another boot has not moved them."""
    if ctx.owned.get(SECTION, _KEY) is None:
        return Result()
    record = _known(ctx)
    steps: list[Step] = []
    if record is not None:
        moved = {str(irq.number): irq for irq in ctx.state.irq.irqs if not irq.fixed}
        for number, before in sorted(record["before"].items(), key=lambda item: int(item[0])):
            if number in moved and str(moved[number].affinity) == record["cpus"]:
                path = f"{IRQS}/{number}/smp_affinity_list"
                steps.append(WriteAttribute(path, f"{before}\n", tolerate=True))
        if record["default"] not in (None, _text(ctx.state.irq.default)):
            mask = print_mask(CpuSet.parse(record["default"]))
            steps.append(WriteAttribute(DEFAULT_AFFINITY, f"{mask}\n"))
    change = Change(
        id=ID,
        kind="affinity",
        object="interrupts",
        field="smp_affinity",
        before=None if record is None else record["cpus"],
        after="as before",
        because=GONE,
        steps=tuple(steps),
        claims=(Claim(SECTION, _KEY, None, settled=True),),
    )
    return Result(changes=(change,))
