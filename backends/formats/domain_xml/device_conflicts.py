"""Devices of a domain, and room for more, against what is wanted of it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from backends.formats.domain_xml.card import Card, free_slot
from backends.formats.domain_xml.conflict import Conflict
from backends.formats.domain_xml.edit import differences, split

if TYPE_CHECKING:
    from lxml.etree import _Element

_NEED_PCI = frozenset({"hostdev", "shmem", "scsi"})
# QEMU's x86 machines without a PCI bus.
_WITHOUT_PCI = ("isapc", "microvm", "none")


def find(domain: _Element, wanted: Mapping[str, str], *, completed: bool) -> Iterator[Conflict]:
    """All of them."""
    yield from _no_pci(domain, wanted, completed)
    yield from _full(domain, wanted)
    yield from _cards(domain, wanted)


def _no_pci(domain: _Element, wanted: Mapping[str, str], completed: bool) -> Iterator[Conflict]:
    kind = domain.find("os/type")
    machine = "" if kind is None else kind.get("machine", "")
    lacks = machine in _WITHOUT_PCI
    # The drivers that add a machine's controllers write down which machine it is.
    if completed and machine and kind is not None and not kind.get("arch", "").startswith("s390"):
        lacks |= domain.find("devices/controller[@type='pci']") is None
    named = _new(domain, wanted) if lacks else []
    if wanted.get("memballoon") == "virtio" and machine in _WITHOUT_PCI:
        named.append("memballoon")
    if named:
        yield Conflict(
            "vm-no-pci",
            f"the machine {machine or 'of this domain'} has no PCI bus, so no {', '.join(named)}",
            "give the VM another machine type (q35), or leave these out",
        )


def _new(domain: _Element, wanted: Mapping[str, str]) -> list[str]:
    """Wanted devices on PCI that the domain does not have."""
    new = (d.key for d in differences(domain, wanted) if d.before is None)
    return [key for key in new if split(key)[0] in _NEED_PCI]


def _full(domain: _Element, wanted: Mapping[str, str]) -> Iterator[Conflict]:
    """libvirt adds a bridge when slots run out, but the bridge needs a slot itself."""
    balloon = domain.find("devices/memballoon/address[@type='pci']")
    frees = balloon is not None and wanted.get("memballoon") == "none"
    new = _new(domain, wanted)
    if new and not frees and free_slot(copy.deepcopy(domain)) is None:
        yield Conflict(
            "vm-no-slot",
            f"the guest has no free PCI slot for {', '.join(new)}",
            "take a device from the domain",
        )


def _cards(domain: _Element, wanted: Mapping[str, str]) -> Iterator[Conflict]:
    for key, value in wanted.items():
        family, name = split(key)
        if family != "card" or Card().same(domain, name, value):
            continue
        if free_slot(copy.deepcopy(domain)):
            continue
        yield Conflict(
            "vm-no-slot",
            f"the guest has no free PCI slot for the card {name}",
            "take devices from the domain, or the functions one by one (multifunction = false)",
        )
