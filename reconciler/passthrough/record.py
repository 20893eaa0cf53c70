"""What is remembered of a function that was taken: its driver, its identity, its IOMMU group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from backends.pci import PciFunction, PciState
from reconciler.model import Change, Claim, Finding, warn
from reconciler.passthrough.select import Known, Selection

SECTION = "devices"

Records = Mapping[str, Mapping[str, Any]]


def claim(function: PciFunction, pci: PciState, owned: Records, bound: str = "vfio-pci") -> Claim:
    """The record of a function that goes to the driver ``bound``: its driver from before it was
    first taken stays, and so does what vfio-pci hides (MAC addresses, serial number); the group is
    that of today."""
    old = owned.get(str(function.address), {})
    same = old.get("id") == function.id
    value: dict[str, Any] = {
        "driver": old["driver"] if same else function.driver,
        "id": function.id,
        "bound": bound,
    }
    macs = list(function.macs) or (old.get("macs") if same else None)
    serial = function.serial or (old.get("serial") if same else None)
    group = _group(function, pci) or (old.get("group") if same else None)
    for key, found in (("macs", macs), ("serial", serial), ("group", group)):
        if found:
            value[key] = found
    return Claim(SECTION, str(function.address), value)


def _group(function: PciFunction, pci: PciState) -> list[str]:
    """The members, with ids: group numbers change from boot to boot."""
    return [f"{f.address} {f.id}" for f in pci.in_group(function.iommu_group)]


def known(owned: Records) -> Known:
    """Identities that were visible when functions were taken."""
    return Known(
        {address: tuple(kept["macs"]) for address, kept in owned.items() if "macs" in kept},
        {address: str(kept["serial"]) for address, kept in owned.items() if "serial" in kept},
    )


def group_changes(selection: Selection, pci: PciState, owned: Records) -> Iterator[Finding]:
    """``group-changed``: a kernel or firmware update, or a new card, made other groups."""
    for function in selection.all:
        before = set(owned.get(str(function.address), {}).get("group", ()))
        now = set(_group(function, pci))
        if before and now and before != now:
            text = f"the IOMMU group of {function.address} has changed since the last apply"
            new, gone = sorted(now - before), sorted(before - now)
            parts = [f"now with {', '.join(new)}"] if new else []
            parts += [f"without {', '.join(gone)}"] if gone else []
            hint = "a kernel, a firmware update or a new card did that; apply takes note of it"
            yield warn("group-changed", selection.where, f"{text}: {'; '.join(parts)}", hint)


def refreshed(
    function: PciFunction, claim: Claim, owned: Records, because: str
) -> Iterator[Change]:
    """A change without steps where the group is not the recorded one any more. A record that knew
    no group (taken before the IOMMU was on) is left: the apply after a reboot writes nothing."""
    old = owned.get(claim.key)
    if old is not None and "group" in old and old["group"] != claim.value.get("group"):
        yield Change(
            id=f"record:{function.address}",
            kind="driver",
            object=str(function.address),
            field="record",
            before=dict(old),
            after=claim.value,
            because=because,
            steps=(),
            claims=(claim,),
        )
