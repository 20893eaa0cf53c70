"""PCI functions, and whether a VM can have them: by the very checks that a plan makes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from backends.pci import PciFunction
from backends.pci.classes import class_name
from backends.pci.iommu import diagnose
from reconciler.inspection.model import PciPart, SriovPart, Verdict, VmPart
from reconciler.model import Finding, Severity
from reconciler.observe import HostState
from reconciler.passthrough import safety
from reconciler.passthrough.select import Selection
from specs.device import Device


def functions(state: HostState, vms: Sequence[VmPart] = ()) -> tuple[PciPart, ...]:
    """Every function of the host; ``vms`` tell who has one."""
    return tuple(_part(state, f, verdict(state, f), vms) for f in state.pci)


def _part(
    state: HostState, function: PciFunction, found: Verdict, vms: Sequence[VmPart]
) -> PciPart:
    parents = function.parents
    return PciPart(
        address=str(function.address),
        class_code=function.short_class,
        class_name=class_name(function.short_class),
        vendor=function.vendor,
        device=function.device,
        subsystem=function.subsystem,
        name=state.names.name(function.vendor, function.device),
        driver=function.driver,
        iommu_group=function.iommu_group,
        numa_node=function.numa_node,
        parent=str(parents[-1]) if parents else None,
        bridge=function.is_bridge,
        used_for=tuple(dict.fromkeys(u.plain for u in state.needs.of(function.address))),
        reset=function.reset_methods or (),
        reset_known=function.reset_methods is not None,
        sriov=_sriov(function),
        physical_function=str(function.physfn) if function.physfn else None,
        interfaces=function.interfaces,
        vms=tuple(vm.name for vm in vms if str(function.address) in vm.devices),
        assignable=found,
    )


def _sriov(function: PciFunction) -> SriovPart | None:
    if function.sriov is None:
        return None
    return SriovPart(
        total=function.sriov.total,
        enabled=function.sriov.num,
        functions=tuple(map(str, function.virtfns)),
    )


def verdict(state: HostState, function: PciFunction) -> Verdict:
    """Whether a VM can have a function, what has to go along, and what stands against it."""
    if function.is_bridge:
        return _no(("it is a bridge",))
    siblings = _siblings(state, function)
    findings = list(_findings(state, function, siblings, "boot"))
    bind = "boot"
    if any(f.severity is Severity.REFUSE for f in findings):
        gentle = list(_findings(state, function, siblings, "vm"))
        if not any(f.severity is Severity.REFUSE for f in gentle):
            findings, bind = gentle, "vm"
    refused = _messages(findings, Severity.REFUSE, function)
    untold = [f for f in findings if f.code == "use-unknown"]
    notes = _messages([f for f in findings if f not in untold], Severity.WARN, function)
    if refused:
        return _no(refused, notes)
    together = tuple(str(f.address) for f in siblings)
    if not state.iommu.active:
        return _without_iommu(state, notes)
    if untold:
        return _unknown(_messages(untold, Severity.WARN, function), notes)
    answer = "with" if together else "yes"
    return Verdict.model_validate(
        {"answer": answer, "together": together, "because": (), "notes": notes, "bind": bind}
    )


def _no(because: tuple[str, ...], notes: tuple[str, ...] = ()) -> Verdict:
    return Verdict(answer="no", together=(), because=because, notes=notes, bind="boot")


def _unknown(because: tuple[str, ...], notes: tuple[str, ...]) -> Verdict:
    return Verdict(answer="unknown", together=(), because=because, notes=notes, bind="boot")


def _without_iommu(state: HostState, notes: tuple[str, ...]) -> Verdict:
    found = diagnose(state.iommu, state.pci)
    if not state.iommu.shown:
        because = found.message
    elif found.usable:
        because = "its IOMMU group is not known before the IOMMU is on"
    else:
        return _no((found.message,), notes)
    return _unknown((because,), notes)


def _siblings(state: HostState, function: PciFunction) -> tuple[PciFunction, ...]:
    """The members of its group that would have to go along."""
    found = safety.blockers(function, {function.address}, state.iommu, state.pci)
    return tuple(f for f in found if not f.is_port)


def _findings(
    state: HostState,
    function: PciFunction,
    siblings: tuple[PciFunction, ...],
    bind: str,
) -> Iterator[Finding]:
    """What a plan would say of a spec with this one device."""
    accepted = [str(f.address) for f in siblings]
    keys = {"name": "it", "address": str(function.address), "accept_siblings": accepted}
    chosen = Selection(0, Device.model_validate({**keys, "bind": bind}), (function,), siblings)
    given = safety.given_away([chosen])
    yield from safety.function_findings(chosen, state, state.boot.running)
    for sibling in siblings:
        if sibling.is_bridge:
            text = f"{sibling.address}, a bridge of its IOMMU group, would have to go along"
            yield Finding(Severity.REFUSE, "group-not-viable", "", text)
    yield from safety.guest_findings(chosen, given, state)
    yield from safety.use_findings(chosen, state.needs)
    yield from safety.seat_findings([chosen], state.needs, state.pci, state.boot.running)


_NEEDS = "the host needs it: "


def _messages(
    findings: Iterable[Finding], severity: Severity, function: PciFunction
) -> tuple[str, ...]:
    """Each message once, its uses first; the function that all of them are about is "it"."""
    said = (f.message for f in findings if f.severity is severity)
    found = dict.fromkeys(text.replace(str(function.address), "it") for text in said)
    ordered = sorted(found, key=lambda text: not text.startswith(_NEEDS))
    return tuple(text.replace(_NEEDS, "the host needs it for ") for text in ordered)
