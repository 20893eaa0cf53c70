"""Functions of one card of the host as functions of one device in the guest.

Drivers of graphics cards look for their sound function beside them. libvirt gives every hostdev a
slot of its own unless told otherwise (formatdomain, "Device Addresses": multifunction).
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from backends.formats.domain_xml import base, tree, units
from backends.formats.domain_xml.devices import Hostdev, hostdev_address, hostdev_elements

if TYPE_CHECKING:
    from lxml.etree import _Element


class Card(base.Base):
    """The guest functions of a card's hostdevs: ``0000:01:00.0=0 0000:01:00.1=1``."""

    def read(self, domain: _Element, item: str) -> str | None:
        """See Property. None when they are not on one guest device."""
        found = {
            address: guest
            for node in hostdev_elements(domain)
            if (address := hostdev_address(node)) is not None
            and address.rpartition(".")[0] == item
            and (guest := units.pci_text(node.find("address"))) is not None
        }
        if len({guest.rpartition(".")[0] for guest in found.values()}) != 1:
            return None
        return base.bag_text({a: found[a].rpartition(".")[2] for a in sorted(found)})

    def write(self, domain: _Element, item: str, value: str) -> None:
        """See Property. A free slot: on q35 a root port of its own, else one on bus 0."""
        place = free_slot(domain)
        if place is None:
            return
        bus, slot = place
        for address, function in base.bag(value).items():
            node = Hostdev().find(domain, address)
            if node is None:
                continue
            guest = tree.ensure(node, "address")
            guest.attrib.clear()
            guest_address = units.pci_attributes(f"0000:{bus:02x}:{slot:02x}.{function}")
            for name, word in {"type": "pci", **guest_address}.items():
                guest.set(name, word)
            if function == "0":
                guest.set("multifunction", "on")

    def restore(self, domain: _Element, before: _Element, item: str) -> None:
        """See Property. Functions that were there before go back to their own guest addresses."""
        for node in hostdev_elements(domain):
            address = hostdev_address(node)
            if address is None or address.rpartition(".")[0] != item:
                continue
            old = Hostdev().find(before, address)
            for guest in node.findall("address"):
                tree.drop(guest)
            place = None if old is None else old.find("address")
            if place is not None:
                tree.place(node, copy.deepcopy(place))


def free_slot(domain: _Element) -> tuple[int, int] | None:
    """Bus and slot for a new device; on q35 with a new root port. None when all are taken."""
    controllers = [
        node for node in domain.findall("devices/controller") if node.get("type") == "pci"
    ]
    indexes = {int(node.get("index", "0")) for node in controllers}
    if any(node.get("model") == "pcie-root" for node in controllers):
        free = max(indexes) + 1
        port = {"type": "pci", "index": str(free), "model": "pcie-root-port"}
        tree.add(tree.ensure(domain, "devices"), "controller", **port)
        return free, 0
    bridges = {int(n.get("index", "0")) for n in controllers if n.get("model") == "pci-bridge"}
    taken = _taken(domain)
    # Slot 0 of the root is the host bridge, 1 the chipset; slot 0 of a bridge cannot be used.
    free_slots = ((bus, slot) for bus in sorted({0, *bridges}) for slot in range(1 + (not bus), 32))
    return next((place for place in free_slots if place not in taken), None)


def _taken(domain: _Element) -> set[tuple[int, int]]:
    """Bus and slot of everything that has a guest address."""
    found = (units.pci_text(node) for node in domain.iterfind("devices/*/address[@type='pci']"))
    parts = (address.rpartition(".")[0].split(":") for address in found if address)
    return {(int(bus, 16), int(slot, 16)) for _, bus, slot in parts}
