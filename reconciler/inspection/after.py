"""What a host will be once a plan is done and its reboot is over, as far as that is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from backends.formats.cmdline import join, tokens
from reconciler.budget.words import size
from reconciler.inspection.model import BootPart, Inspection, PciPart, PoolPart, VmPart
from reconciler.model import Change, Plan
from specs.hugepages import Hugepages
from specs.spec import HostSpec
from specs.vm import Vm


def after(found: Inspection, plan: Plan, spec: HostSpec) -> Inspection:
    """The document of the same host after the plan. A refused plan changes nothing."""
    if plan.refusals(strict=False):
        return found
    changes = {
        "pci": _functions(found, plan),
        "boot": _boot(found.boot, plan),
        "hugepages": _pools(found, spec.hugepages),
        "vms": _vms(found, plan, spec),
    }
    if spec.cpu.isolated:
        isolated = str(spec.cpu.isolated)
        changes["cpu"] = found.cpu.model_copy(update={"isolated": isolated})
    then = found.model_copy(update=changes)
    return then.model_copy(update={"memory": _memory(found, then)})


# --- devices ------------------------------------------------------------------------------------


def _functions(found: Inspection, plan: Plan) -> tuple[PciPart, ...]:
    drivers = {
        c.object: c.after for c in plan.changes if c.kind == "driver" and c.field == "driver"
    }
    known = {f.address for f in found.pci}
    for pending in plan.pending:
        if pending.object in known:
            given = pending.configured
            drivers.setdefault(pending.object, None if given == "no driver" else given)
    virtual = {c.object: c.after for c in plan.changes if c.kind == "sriov"}
    return tuple(_function(f, drivers, virtual) for f in found.pci)


def _function(
    function: PciPart, drivers: Mapping[str, str | None], virtual: Mapping[str, object]
) -> PciPart:
    update: dict[str, object] = {}
    if function.address in drivers:
        update["driver"] = drivers[function.address]
    number = virtual.get(function.address)
    if function.sriov is not None and isinstance(number, int):
        update["sriov"] = function.sriov.model_copy(update={"enabled": number})
    return function.model_copy(update=update) if update else function


# --- boot ---------------------------------------------------------------------------------------


def _boot(boot: BootPart, plan: Plan) -> BootPart:
    change = next((c for c in plan.changes if c.kind == "kernel-args"), None)
    if change is None:
        return boot
    entries = (
        e.model_copy(update={"args": _edited(e.args, change)}) if e.kind == "normal" else e
        for e in boot.next
    )
    configured = str(change.after) if boot.configured is not None else None
    return boot.model_copy(update={"next": tuple(entries), "configured": configured})


def _edited(args: str, change: Change) -> str:
    words = list(tokens(args))
    for sign, word, _ in change.details:
        if sign == "-":
            words = [w for w in words if w != word and w.partition("=")[0] != word]
        elif word not in words:
            words.append(word)
    return join(words)


# --- memory -------------------------------------------------------------------------------------


def _pools(found: Inspection, wanted: Hugepages) -> tuple[PoolPart, ...]:
    nodes = [n.node for n in found.memory.nodes]
    counts: dict[tuple[int, int | None], int] = {}
    for page in wanted.pages:
        key = page.size.kib
        if page.node is not None:
            counts[key, page.node] = page.count
        else:
            counts[key, None] = page.count
            # The kernel spreads pages over the nodes (admin-guide/mm/hugetlbpage.rst).
            counts |= {(key, node): page.count // len(nodes) for node in nodes}
    for key in {k for k, node in counts if node is not None}:
        counts.setdefault((key, None), sum(_count(found, counts, key, n) for n in nodes))
    return tuple(_pool(p, counts.get((p.size_kib, p.node))) for p in found.hugepages)


def _count(
    found: Inspection, counts: Mapping[tuple[int, int | None], int], key: int, n: int
) -> int:
    present = (p.total for p in found.hugepages if (p.size_kib, p.node) == (key, n))
    return counts.get((key, n), next(present, 0))


def _pool(pool: PoolPart, count: int | None) -> PoolPart:
    if count is None or count == pool.total:
        return pool
    free = max(0, pool.free + count - pool.total)
    return pool.model_copy(update={"total": count, "free": free})


def _memory(found: Inspection, then: Inspection) -> object:
    """Free memory is what the pools leave."""
    grown = {n.node: _huge(then, n.node) - _huge(found, n.node) for n in found.memory.nodes}
    nodes = (
        n.model_copy(update={"free_kib": max(0, n.free_kib - grown[n.node])})
        for n in found.memory.nodes
    )
    return found.memory.model_copy(update={"nodes": tuple(nodes)})


def _huge(found: Inspection, node: int) -> int:
    return sum(p.total * p.size_kib for p in found.hugepages if p.node == node)


# --- VMs ----------------------------------------------------------------------------------------


def _vms(found: Inspection, plan: Plan, spec: HostSpec) -> tuple[VmPart, ...]:
    wanted = {vm.name: vm for vm in spec.vm}
    kept = [_vm(vm, wanted[vm.name], spec) if vm.name in wanted else vm for vm in found.vms]
    known = {vm.name for vm in found.vms}
    new = [_vm(_blank(vm), vm, spec) for vm in spec.vm if vm.name not in known]
    return (*kept, *new)


def _blank(vm: Vm) -> VmPart:
    return VmPart(
        name=vm.name,
        uuid="",
        state="declared",
        autostart=False,
        persistent=True,
        vcpus=None,
        vcpupin=(),
        emulatorpin="",
        memory="",
        hugepages="",
        numatune="",
        devices=(),
    )


def _vm(now: VmPart, wanted: Vm, spec: HostSpec) -> VmPart:
    return now.model_copy(update=dict(_declared(now, wanted, spec)))


def _declared(now: VmPart, wanted: Vm, spec: HostSpec) -> Iterator[tuple[str, object]]:
    if wanted.autostart is not None:
        yield "autostart", wanted.autostart
    if wanted.vcpu or not now.vcpus:
        yield "vcpus", wanted.vcpu or len(wanted.cputune.vcpupin) or now.vcpus
    if wanted.cputune.vcpupin:
        yield "vcpupin", tuple(str(pin) for pin in wanted.cputune.vcpupin)
    if wanted.cputune.emulatorpin is not None:
        yield "emulatorpin", str(wanted.cputune.emulatorpin)
    if wanted.memory.size is not None:
        yield "memory", size(wanted.memory.size.kib)
    if wanted.memory.hugepages is not None:
        yield "hugepages", str(wanted.memory.hugepages)
    given = {str(d.address) for d in spec.device if d.name in wanted.devices and d.address}
    yield "devices", (*now.devices, *sorted(given - set(now.devices)))
