"""Every VM of the spec, and every domain that reconcile has changed, one after the other."""

from __future__ import annotations

from collections.abc import Iterator

from backends.formats import domain_xml
from backends.libvirt import DomainState
from reconciler.context import Context
from reconciler.domains import changes, checks
from reconciler.domains.changes import Target
from reconciler.domains.functions import functions
from reconciler.domains.live import at_once, live_pins
from reconciler.domains.pending import pending
from reconciler.domains.record import Managed, records
from reconciler.domains.wanted import Functions, given, wanted
from reconciler.model import Change, Effective, Finding, Pending, Unchanged
from specs.record import Record
from specs.vm import Vm


class Outcome(Record):
    """What one domain contributes to the plan."""

    changes: tuple[Change, ...] = ()
    findings: tuple[Finding, ...] = ()
    pending: tuple[Pending, ...] = ()
    unchanged: tuple[Unchanged, ...] = ()


def outcomes(ctx: Context) -> list[Outcome]:
    """All of them; where libvirt cannot be reached just why."""
    libvirt = ctx.state.libvirt
    if not libvirt.available:
        where = "vm" if ctx.spec.vm else "owned domains"
        # What the spec itself shares out twice is wrong whatever libvirt has.
        shared = _sharing(ctx, functions(ctx))
        return [Outcome(findings=(checks.unavailable(libvirt, where), *shared))]
    known = records(ctx.owned)
    by_name = functions(ctx)
    found = [_vm(ctx, index, vm, by_name, known) for index, vm in enumerate(ctx.spec.vm)]
    named = {vm.name for vm in ctx.spec.vm}
    found += [_unnamed(ctx, record, named) for record in known.values()]
    if ctx.spec.vm:
        spanning = (*checks.host_findings(libvirt), *_sharing(ctx, by_name))
        found.append(Outcome(findings=spanning))
    return found


def _vm(ctx: Context, index: int, vm: Vm, by_name: Functions, known: dict[str, Managed]) -> Outcome:
    target = _target(ctx, index, vm, by_name)
    domain = ctx.state.libvirt.domain(vm.name)
    if domain is None:
        return _absent(ctx, vm, target, known)
    if domain.inactive is None:
        return Outcome(findings=(checks.transient(domain, target.where),))
    conflicts = tuple(checks.conflict_findings(domain.inactive, target, completed=True))
    change = changes.existing(domain, target, known.get(domain.uuid))
    moves: tuple[Change, ...] = ()
    if vm.cputune.live:
        moves = live_pins(ctx.state.libvirt.uri, domain, target)
        change = at_once(change)
    moved = {f"{vm.name} {key}" for move in moves for key in move.after}
    missing = pending(domain, target, known.get(domain.uuid))
    left = tuple(p for p in missing if p.object not in moved)
    found = (*conflicts, *checks.state_findings(domain, change, left, target.where))
    waiting = (*left, *_waiting(vm, by_name))
    if change is None and not moves:
        same = (Unchanged(vm.name, "the domain is as declared", target.where),)
        return Outcome(findings=found, pending=waiting, unchanged=same)
    changed = (*((change,) if change else ()), *moves)
    return Outcome(changed, found, waiting)


def _target(ctx: Context, index: int, vm: Vm, by_name: Functions) -> Target:
    """A function that waits for the IOMMU is declared, but not given away yet."""
    functions = list(given(vm, by_name))
    properties = wanted(vm, by_name).properties()
    waiting = {f.hostdev.address for f in functions if f.waits}
    withheld = {key for key in properties if key.partition("[")[2].removesuffix("]") in waiting}
    return Target(
        where=f"vm[{index}]",
        name=vm.name,
        properties={k: v for k, v in properties.items() if k not in withheld},
        withheld=frozenset(withheld),
        autostart=vm.autostart,
        requires=frozenset(
            change for f in functions for change in (f"driver:{f.hostdev.address}", *f.made_by)
        ),
    )


def _waiting(vm: Vm, by_name: Functions) -> Iterator[Pending]:
    for function in given(vm, by_name):
        if function.waits:
            key = f"hostdev[{function.hostdev.address}]"
            yield Pending(f"{vm.name} {key}", "given to the VM", "no IOMMU yet", Effective.REBOOT)


def _absent(ctx: Context, vm: Vm, target: Target, known: dict[str, Managed]) -> Outcome:
    """A VM without a domain: renamed, to be defined, or just missing."""
    libvirt = ctx.state.libvirt
    renamed = [
        domain
        for record in known.values()
        if record.name == vm.name and (domain := libvirt.by_uuid(record.uuid)) is not None
    ]
    document = ctx.documents.get(f"{target.where}.definition")
    if renamed or document is None or vm.definition is None:
        owner = renamed[0] if renamed else None
        return Outcome(findings=(checks.missing(vm, target.where, owner),))
    text = document.decode("utf-8", "surrogateescape")
    if domain_xml.name(text) != vm.name:
        found = checks.bad_definition(vm, target.where, domain_xml.name(text))
        return Outcome(findings=(found,))
    change = changes.new(target, text, ctx.state.identity.machine_id, vm.definition)
    if (other := libvirt.by_uuid(str(change.after))) is not None:
        return Outcome(findings=(checks.taken(vm, target.where, other),))
    return Outcome(
        changes=(change,),
        findings=tuple(checks.conflict_findings(text, target, completed=False)),
        pending=tuple(_waiting(vm, by_name=functions(ctx))),
    )


def _unnamed(ctx: Context, record: Managed, named: set[str]) -> Outcome:
    """A domain that reconcile has changed and that the spec does not name (any more)."""
    domain = ctx.state.libvirt.by_uuid(record.uuid)
    if domain is None or domain.inactive is None:
        again = record.name in named and ctx.state.libvirt.domain(record.name) is None
        return Outcome() if again else Outcome((changes.forgotten(record),))
    if domain.name in named or record.name in named:
        return Outcome()
    if record.defined:
        return _removed(ctx, domain, record)
    change = changes.undone(domain, record)
    if change is None:
        return Outcome()
    waiting = tuple(pending(domain, None, record))
    found = checks.state_findings(domain, change, waiting, f"domain {domain.name}")
    return Outcome((change,), tuple(found), waiting)


def _removed(ctx: Context, domain: DomainState, record: Managed) -> Outcome:
    kept = checks.kept(domain, record, ctx.state.libvirt.version)
    if kept is not None:
        return Outcome(findings=(kept,))
    change = changes.removed(domain, record)
    found = checks.state_findings(domain, change, (), f"domain {domain.name}")
    return Outcome((change,), tuple(found))


def _sharing(ctx: Context, by_name: Functions) -> Iterator[Finding]:
    libvirt = ctx.state.libvirt
    addresses, starts = {}, {}
    for vm in ctx.spec.vm:
        domain = libvirt.domain(vm.name)
        own = domain_xml.hostdevs(domain.inactive) if domain and domain.inactive else ()
        declared = [f.hostdev.address for f in given(vm, by_name)]
        addresses[vm.name] = tuple(dict.fromkeys((*own, *declared)))
        starts[vm.name] = (
            vm.autostart if vm.autostart is not None else bool(domain and domain.autostart)
        )
    return checks.sharing(ctx, addresses, starts)
