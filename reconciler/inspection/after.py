"""What a host will be once a plan is done and its reboot is over, as far as that is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from backends.formats.cmdline import join, tokens
from backends.steps import DefineDomain
from reconciler.budget.words import size
from reconciler.inspection.model import BootPart, Inspection, PciPart, PoolPart, VmPart
from reconciler.inspection.vms import defined
from reconciler.model import Change, Plan
from specs.hugepages import Hugepages
from specs.spec import HostSpec
from specs.vm import Vm


def after(found: Inspection, plan: Plan, spec: HostSpec) -> Inspection:
    """The document of the same host after the plan. A refused plan changes nothing."""
    if plan.refusals(strict=False):
        return found
    vms = _vms(found, plan, spec)
    changes: dict[str, object] = {
        "vms": vms,
        "pci": _functions(found, plan, vms),
        "boot": _boot(found.boot, plan),
        "hugepages": _pools(found, spec.hugepages),
    }
    if spec.cpu.isolated:
        isolated = str(spec.cpu.isolated)
        changes["cpu"] = found.cpu.model_copy(update={"isolated": isolated})
    then = found.model_copy(update=changes)
    return then.model_copy(update={"memory": _memory(found, then)})


# --- devices ------------------------------------------------------------------------------------


def _functions(found: Inspection, plan: Plan, vms: Sequence[VmPart]) -> tuple[PciPart, ...]:
    drivers = {
        c.object: c.after for c in plan.changes if c.kind == "driver" and c.field == "driver"
    }
    known = {f.address for f in found.pci}
    for pending in plan.pending:
        if pending.object in known:
            given = pending.configured
            drivers.setdefault(pending.object, None if given == "no driver" else given)
    virtual = {c.object: c.after for c in plan.changes if c.kind == "sriov"}
    return tuple(_function(f, drivers, virtual, vms) for f in found.pci)


def _function(
    function: PciPart,
    drivers: Mapping[str, str | None],
    virtual: Mapping[str, object],
    vms: Sequence[VmPart],
) -> PciPart:
    takers = tuple(vm.name for vm in vms if function.address in vm.devices)
    update: dict[str, object] = {"vms": takers}
    if function.address in drivers:
        update["driver"] = drivers[function.address]
    number = virtual.get(function.address)
    if function.sriov is not None and isinstance(number, int):
        update["sriov"] = function.sriov.model_copy(update={"enabled": number})
    return function.model_copy(update=update)


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
    """As the plan defines them; as the spec says where the plan leaves libvirt out."""
    steps = (step for change in plan.changes for step in change.steps)
    defines = {step.domain: step for step in steps if isinstance(step, DefineDomain)}
    known = {vm.name: vm for vm in found.vms}
    names = [*known, *(name for name in defines if name not in known)]
    then = (_defined(known.get(name) or _blank(name), defines.get(name)) for name in names)
    left_out = [] if found.libvirt.available else [v for v in spec.vm if v.name not in names]
    return (*(vm for vm in then if vm is not None), *(_declared(vm, spec) for vm in left_out))


def _defined(vm: VmPart, step: DefineDomain | None) -> VmPart | None:
    """None where the definition goes."""
    if step is None:
        return vm
    if step.xml is None:
        return None
    then = defined(vm, step.xml)
    return then if step.autostart is None else then.model_copy(update={"autostart": step.autostart})


def _blank(name: str) -> VmPart:
    return VmPart(name=name, uuid="", state="declared", autostart=False, persistent=True)


def _declared(wanted: Vm, spec: HostSpec) -> VmPart:
    pins, memory = wanted.cputune.vcpupin, wanted.memory
    given = (str(d.address) for d in spec.device if d.name in wanted.devices and d.address)
    said: dict[str, object] = {
        "autostart": bool(wanted.autostart),
        "vcpus": wanted.vcpu or len(pins) or None,
        "vcpupin": tuple(map(str, pins)),
        "emulatorpin": str(wanted.cputune.emulatorpin or ""),
        "memory": size(memory.size.kib) if memory.size else "",
        "hugepages": str(memory.hugepages or ""),
        "devices": tuple(sorted(given)),
    }
    return _blank(wanted.name).model_copy(update=said)
