"""From a ``[[device]]`` or ``[[sriov]]`` table to the functions that it means on this host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from backends.pci import PciFunction, PciState
from reconciler.model import Finding, refuse
from specs.record import Record
from specs.values import PciAddress

if TYPE_CHECKING:
    from specs.device import Device, Selector

_LISTS = "reconcile --inspect lists the functions of this host"


class Selection(Record):
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


class Known(Record):
    """What tells functions apart besides sysfs now: identities that were recorded when they could
    still be seen (a function on vfio-pci shows no MAC address and no serial number)."""

    macs: Mapping[str, Sequence[str]]
    serials: Mapping[str, str]


NOTHING_KNOWN = Known({}, {})


def select_all(
    devices: Sequence[Device], pci: PciState, known: Known = NOTHING_KNOWN
) -> tuple[tuple[Selection, ...], tuple[Finding, ...]]:
    """Every device that could be found, and why the others could not."""
    found, findings = [], []
    for index, device in enumerate(devices):
        functions, finding = find(f"device[{index}]", device, pci, known, device.count or 1)
        if finding is not None:
            findings.append(finding)
            continue
        card = _card(functions, pci) if device.multifunction else functions
        found.append(Selection(index, device, card, _siblings(device, card, pci)))
    return tuple(found), tuple(findings)


def find(
    where: str, wanted: Selector, pci: PciState, known: Known = NOTHING_KNOWN, count: int = 1
) -> tuple[tuple[PciFunction, ...], Finding | None]:
    """The ``count`` functions that a table selects, or why there are none."""
    if wanted.address is not None:
        return _by_address(where, wanted, pci, known)
    matching = _matching(wanted, pci, known)
    if len(matching) == count:
        return matching, None
    if not matching:
        hint = f"is the card in its slot, and switched on in firmware? {_LISTS}"
        return (), refuse("device-missing", where, f"no function has {words(wanted)}", hint)
    text = f"{words(wanted)} fits {len(matching)} functions ({_list(matching)}), not {count}"
    hint = f'give one of them: address = "{matching[0].address}"; or count = {len(matching)}'
    return (), refuse("device-ambiguous", where, text, hint)


def _matching(wanted: Selector, pci: PciState, known: Known) -> tuple[PciFunction, ...]:
    candidates: Iterable[PciFunction] = pci if wanted.id is None else pci.with_id(str(wanted.id))
    return tuple(f for f in candidates if matches(f, wanted, known))


def _by_address(
    where: str, wanted: Selector, pci: PciState, known: Known
) -> tuple[tuple[PciFunction, ...], Finding | None]:
    assert wanted.address is not None
    function = pci.get(wanted.address)
    if function is not None and matches(function, wanted, known):
        return (function,), None
    matching = _matching(wanted, pci, known) if _criteria(wanted) else ()
    elsewhere = f"; {words(wanted)} is now at {_list(matching)}" if matching else ""
    if len(matching) == 1:
        hint = f'if that is the device, set address = "{matching[0].address}"'
    else:
        hint = _LISTS
    if function is None:
        text = f"there is no function {wanted.address}{elsewhere}"
        return (), refuse("device-missing", where, text, hint)
    text = f"{wanted.address} is {_seen(function, wanted)}, not {words(wanted)}{elsewhere}"
    return (), refuse("device-mismatch", where, text, hint)


def matches(function: PciFunction, wanted: Selector, known: Known = NOTHING_KNOWN) -> bool:
    """Whether everything that the table declares, but for the address, holds for a function."""
    key = str(function.address)
    macs = {*function.macs, *known.macs.get(key, ())}
    serials = {function.serial, known.serials.get(key), function.device_serial}
    asked = wanted.serial and {wanted.serial, wanted.serial.lower()}
    return (
        (wanted.id is None or str(wanted.id) == function.id)
        and (wanted.class_ is None or wanted.class_.matches(int(function.class_code, 16)))
        and (wanted.slot is None or wanted.slot == function.slot)
        and (wanted.subsystem is None or str(wanted.subsystem) == function.subsystem)
        and (wanted.mac is None or wanted.mac in macs)
        and (not asked or not serials.isdisjoint(asked))
    )


def _criteria(wanted: Selector) -> dict[str, object]:
    return {key: value for key, value in wanted.selectors.items() if key != "address"}


def words(wanted: Selector) -> str:
    """What a table asks for, without the address: ``id 10de:2489, slot 4``."""
    return ", ".join(f"{key} {value}" for key, value in _criteria(wanted).items())


def _seen(function: PciFunction, wanted: Selector) -> str:
    """The same facts of what is there."""
    serials = (function.serial, function.device_serial)
    facts = {
        "id": function.id,
        "class": function.class_code.removeprefix("0x"),
        "slot": function.slot or "unknown",
        "subsystem": function.subsystem or "none",
        "mac": ", ".join(function.macs) or "not visible",
        "serial": " and ".join(filter(None, serials)) or "not visible",
    }
    return ", ".join(f"{key} {facts[key]}" for key in _criteria(wanted))


def _list(functions: Iterable[PciFunction]) -> str:
    return ", ".join(str(f.address) for f in functions)


def _card(functions: Sequence[PciFunction], pci: PciState) -> tuple[PciFunction, ...]:
    """All functions of the cards that these belong to. VFs share a slot, but are no part of it."""
    cards = {f.card for f in functions}
    return tuple(f for f in pci if f.card in cards and (f in functions or f.physfn is None))


def _siblings(
    device: Device, functions: Iterable[PciFunction], pci: PciState
) -> tuple[PciFunction, ...]:
    """Ports are left out: they go to no driver of ours, and their own one blocks no group."""
    own = {f.address for f in functions}
    accepted: list[PciAddress] = [a for a in device.accept_siblings if a not in own]
    found = (pci.get(address) for address in accepted)
    return tuple(f for f in found if f is not None and not f.is_port)
