"""Whether functions may be given away: the group as the kernel sees it, and what the host needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from backends.iommu import IommuState, diagnose, uses_kernel_dma
from backends.needs import Needs
from backends.pci import PciFunction, PciState
from reconciler.model import Finding, refuse, warn
from reconciler.passthrough.select import Selection
from specs.values import PciAddress


def iommu_findings(iommu: IommuState, pci: PciState, where: str) -> Iterator[Finding]:
    """``no-iommu`` where it cannot be had; ``groups-unknown`` where a reboot will bring it."""
    diagnosis = diagnose(iommu, pci)
    if not diagnosis.usable:
        yield refuse("no-iommu", where, diagnosis.message, diagnosis.hint)
    elif not iommu.active:
        message = f"{diagnosis.message}: the groups are known after the next boot"
        hint = "everything safe is prepared now; the groups are checked before a VM gets the device"
        yield warn("groups-unknown", where, message, hint)


def group_findings(
    selection: Selection, given: frozenset[PciAddress], iommu: IommuState, pci: PciState
) -> Iterator[Finding]:
    """``group-not-viable``: endpoints of the group that stay with the host, named.

    VFIO can claim a group only if no member's driver uses the kernel DMA API; bridges with
    pcieport or no driver are exempt (drivers/iommu/iommu.c, since Linux 5.19).
    """
    for function in selection.functions:
        if function.iommu_group is None:
            continue
        group = iommu.groups.get(function.iommu_group)
        members = group.members if group else ()
        others = [pci.get(m) for m in members if m not in given and m != function.address]
        blocking = [f for f in others if f is not None and _blocks(f)]
        if blocking:
            yield _not_viable(selection, function, blocking)


def _blocks(function: PciFunction) -> bool:
    """A bridge counts only with a driver that uses DMA; an endpoint always: even without a driver
    today, one may be bound to it tomorrow, while the VM runs."""
    if function.is_bridge:
        return function.driver is not None and uses_kernel_dma(function.driver)
    return True


def _not_viable(
    selection: Selection, function: PciFunction, blocking: Sequence[PciFunction]
) -> Finding:
    named = ", ".join(f"{f.address} ({f.id}, {f.driver or 'no driver'})" for f in blocking)
    quoted = ", ".join(f'"{f.address}"' for f in blocking)
    return refuse(
        "group-not-viable",
        selection.where,
        f"{function.address} shares IOMMU group {function.iommu_group} with {named}",
        f"to give them away together: accept_siblings = [{quoted}]; or use another slot",
    )


def use_findings(selection: Selection, needs: Needs) -> Iterator[Finding]:
    """``device-in-use``: the function, or one that goes along, carries what the host needs."""
    for function in selection.all:
        for use in needs.of(function.address, critical=True):
            yield refuse(
                "device-in-use",
                selection.where,
                f"the host needs {function.address}: {use}",
                "choose another device, or move that to other hardware first",
            )


def unresolved_findings(needs: Needs, where: str) -> Iterator[Finding]:
    """An unresolved path is a refusal, not "not in use"."""
    for item in needs.unresolved:
        yield refuse(
            "device-in-use",
            where,
            f"cannot tell which hardware carries this: {item}",
            "reconcile gives nothing away before that is known",
        )


def accepted_findings(selection: Selection, pci: PciState) -> Iterator[Finding]:
    """Accepted siblings that do not exist are mistakes, not permissions."""
    for address in selection.spec.accept_siblings:
        if pci.get(address) is None:
            message = f"accept_siblings names {address}, which is not on this host"
            yield refuse("device-missing", selection.where, message, "take it out of the list")


def given_away(selections: Iterable[Selection]) -> frozenset[PciAddress]:
    """Every function that the spec takes from the host."""
    return frozenset(f.address for s in selections for f in s.all)
