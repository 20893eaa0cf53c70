"""From a ``[[device]]`` table to the functions that it means on this host."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from backends.pci import PciFunction, PciState
from reconciler.model import Finding, refuse
from specs.device import Device
from specs.values import PciAddress


@dataclass(frozen=True, slots=True)
class Selection:
    """One device of the spec: its functions, first the ones asked for by themselves."""

    index: int
    spec: Device
    functions: tuple[PciFunction, ...]
    siblings: tuple[PciFunction, ...] = ()

    @property
    def where(self) -> str:
        """The spec path."""
        return f"device[{self.index}]"

    @property
    def all(self) -> tuple[PciFunction, ...]:
        """Everything that is given away with it."""
        return self.functions + self.siblings


def select_all(
    devices: Sequence[Device], pci: PciState
) -> tuple[tuple[Selection, ...], tuple[Finding, ...]]:
    """Every device that could be found, and why the others could not."""
    found, findings = [], []
    for index, device in enumerate(devices):
        functions, finding = _select(index, device, pci)
        if finding is not None:
            findings.append(finding)
        else:
            siblings = _siblings(device, functions, pci)
            found.append(Selection(index, device, functions, siblings))
    return tuple(found), tuple(findings)


def _select(
    index: int, device: Device, pci: PciState
) -> tuple[tuple[PciFunction, ...], Finding | None]:
    where = f"device[{index}]"
    if device.address is not None:
        return _by_address(where, device, pci)
    matching = tuple(f for f in pci if _matches(f, device))
    wanted = device.count or 1
    if len(matching) == wanted:
        return matching, None
    if not matching:
        hint = "is the card in its slot, and switched on in firmware? reconcile --inspect lists all"
        return (), refuse("device-missing", where, f"no function matches {_words(device)}", hint)
    listed = ", ".join(str(f.address) for f in matching)
    message = f"{_words(device)} matches {len(matching)} functions ({listed}), wanted {wanted}"
    return (), refuse("device-ambiguous", where, message, "give the address too, or count")


def _by_address(
    where: str, device: Device, pci: PciState
) -> tuple[tuple[PciFunction, ...], Finding | None]:
    assert device.address is not None
    function = pci.get(device.address)
    if function is not None and _matches(function, device):
        return (function,), None
    moved = [f for f in pci if _has_criteria(device) and _matches(f, device)]
    elsewhere = _moved(moved)
    if function is None:
        message = f"there is no function {device.address}{elsewhere}"
        return (), refuse("device-missing", where, message, _moved_hint(moved))
    message = f"{device.address} is {function.id} ({function.subsystem}), not {_words(device)}"
    return (), refuse("device-mismatch", where, message + elsewhere, _moved_hint(moved))


def _moved(moved: Sequence[PciFunction]) -> str:
    listed = ", ".join(str(f.address) for f in moved)
    return f"; what the spec describes is now at {listed}" if moved else ""


def _moved_hint(moved: Sequence[PciFunction]) -> str:
    if len(moved) == 1:
        return f'if that is the device, set address = "{moved[0].address}"'
    return "reconcile --inspect lists the functions of this host"


def _has_criteria(device: Device) -> bool:
    return device.id is not None


def _matches(function: PciFunction, device: Device) -> bool:
    return device.id is None or str(device.id) == function.id


def _words(device: Device) -> str:
    return f"id {device.id}" if device.id is not None else "this device"


def _siblings(
    device: Device, functions: Iterable[PciFunction], pci: PciState
) -> tuple[PciFunction, ...]:
    own = {f.address for f in functions}
    accepted: list[PciAddress] = [a for a in device.accept_siblings if a not in own]
    return tuple(f for a in accepted if (f := pci.get(a)) is not None)
