"""Compare, set and undo properties of a domain definition. Text in, text out.

Only properties are compared, never text: what libvirt adds when it takes a definition (addresses,
aliases, units, the expanded machine type) is no difference.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backends.formats.domain_xml import base, card, devices, guest, iothreads, tree, units
from backends.formats.domain_xml.base import Property
from backends.formats.domain_xml.tree import DomainXmlError

if TYPE_CHECKING:
    from lxml.etree import _Element

PROPERTIES: Mapping[str, Property] = {
    "vcpu": guest.Vcpu(),
    "topology": base.Bag(
        "cpu/topology", ("sockets", "dies", "clusters", "cores", "threads"), (("dies", "1"),)
    ),
    "iothreads": iothreads.IoThreads(),
    "vcpupin": guest.Pins("cputune/vcpupin", "vcpu"),
    "emulatorpin": guest.EmulatorPin("cputune/emulatorpin", "cpuset"),
    "iothreadpin": guest.Pins("cputune/iothreadpin", "iothread"),
    "kvm.hidden": base.Attribute("features/kvm/hidden", "state"),
    "hyperv.vendor_id": base.Attribute("features/hyperv/vendor_id", "value", (("state", "on"),)),
    "memory": guest.Memory(),
    "hugepages": guest.Hugepages(),
    "locked": base.Flag("memoryBacking/locked"),
    "nosharepages": base.Flag("memoryBacking/nosharepages"),
    "source": base.Attribute("memoryBacking/source", "type"),
    "access": base.Attribute("memoryBacking/access", "mode"),
    "allocation": base.Attribute("memoryBacking/allocation", "mode"),
    "numatune": guest.Numatune(),
    "memballoon": devices.Memballoon(),
    "scsi": devices.ScsiController(),
    "hostdev": devices.Hostdev(),
    "card": card.Card(),
    "rom.file": devices.Rom("file"),
    "rom.bar": devices.Rom("bar"),
    "shmem": devices.Shmem(),
    "evdev": devices.Evdev(),
    "discard": devices.DiskDiscard(),
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One property that is not as wanted. ``before`` None: it is not there."""

    key: str
    before: str | None
    after: str


@dataclass(frozen=True, slots=True)
class Edited:
    """A definition after an edit, and what the edit changed."""

    xml: str
    differences: tuple[Difference, ...]


def split(key: str) -> tuple[str, str]:
    """``hostdev[0000:01:00.0]`` as (``hostdev``, ``0000:01:00.0``)."""
    family, _, item = key.partition("[")
    return family, item.removesuffix("]")


def complete(domain: _Element, wanted: Mapping[str, str]) -> dict[str, str]:
    """What follows from what is wanted, in this domain: one discard per disk; the
    iothreads that have a pin, since libvirt refuses a pin of an iothread that is not there."""
    full = {key: value for key, value in wanted.items() if key != "discard"}
    if "discard" in wanted:
        names = devices.discard_targets(domain)
        full.update({f"discard[{name}]": wanted["discard"] for name in names})
    if "iothreads" not in wanted and "iothreadpin" in wanted:
        needed = iothreads.needed(domain, len(base.bag(wanted["iothreadpin"])))
        if needed > len(iothreads.ids(domain)):
            full["iothreads"] = str(needed)
    return full


def differences(domain: _Element, wanted: Mapping[str, str]) -> list[Difference]:
    """The properties that are not as wanted, in the order of ``wanted``."""
    found = []
    with _understood():
        for key, value in complete(domain, wanted).items():
            family, item = split(key)
            handler = PROPERTIES[family]
            if not handler.same(domain, item, value):
                found.append(Difference(key, handler.read(domain, item), value))
    return found


@contextmanager
def _understood() -> Iterator[None]:
    """A number that is none (libvirt takes none of those either) is no bug of ours."""
    try:
        yield
    except ValueError as e:
        raise DomainXmlError(f"a value in this definition is not understood: {e}") from e


def declares(wanted: Collection[str], key: str) -> bool:
    """Whether ``key`` is wanted, or follows from what is."""
    implied = key == "iothreads" and "iothreadpin" in wanted
    return implied or key in wanted or split(key)[0] in wanted


def has(domain: _Element, key: str, value: str) -> bool:
    """Whether a property has a value, in whatever notation."""
    family, item = split(key)
    with _understood():
        return PROPERTIES[family].same(domain, item, value)


def read(xml: str | _Element, keys: Iterable[str]) -> dict[str, str | None]:
    """The normalised values of some properties. Raises DomainXmlError."""
    domain = tree.parse(xml) if isinstance(xml, str) else xml
    values = {}
    with _understood():
        for key in keys:
            family, item = split(key)
            values[key] = PROPERTIES[family].read(domain, item)
    return values


def edit(xml: str, wanted: Mapping[str, str]) -> Edited:
    """The definition with the wanted properties; the same text when nothing differs.

    Everything that is not such a property survives as it is. Raises DomainXmlError.
    """
    domain = tree.parse(xml)
    # Twice: a controller that becomes virtio-scsi makes its disks ones that can discard.
    done = [d for _ in range(2) for d in _set(domain, differences(domain, wanted))]
    return Edited(tree.serialise(domain, xml) if done else xml, tuple(done))


def _set(domain: _Element, found: list[Difference]) -> list[Difference]:
    for difference in found:
        family, item = split(difference.key)
        PROPERTIES[family].write(domain, item, difference.after)
    return found


def restore(xml: str, before: str, keys: Iterable[str]) -> str:
    """The definition with the properties ``keys`` as they are in ``before``.

    Also takes away the PCI controllers that libvirt had added to make room for ours, when they are
    free again. Raises DomainXmlError.
    """
    domain, old = tree.parse(xml), tree.parse(before)
    with _understood():
        for key in keys:
            family, item = split(key)
            PROPERTIES[family].restore(domain, old, item)
    _drop_free_controllers(domain, old)
    _free_taken_addresses(domain)
    return tree.serialise(domain, xml)


def _controllers(domain: _Element) -> dict[str, _Element]:
    return {
        node.get("index", ""): node
        for node in domain.findall("devices/controller")
        if node.get("type") == "pci"
    }


def _buses(domain: _Element) -> set[str]:
    """Indexes of the PCI controllers on which something sits."""
    used = (units.pci_text(node) for node in domain.iterfind("devices/*/address[@type='pci']"))
    return {str(int(address.split(":")[1], 16)) for address in used if address}


def _drop_free_controllers(domain: _Element, before: _Element) -> None:
    known = _controllers(before)
    while True:
        used = _buses(domain)
        free = [n for i, n in _controllers(domain).items() if i not in known and i not in used]
        if not free or not known:
            return
        for node in free:
            tree.drop(node)
            _restore_multifunction(domain, before)


def _restore_multifunction(domain: _Element, before: _Element) -> None:
    """libvirt marks function 0 of a slot when it puts more root ports into that slot."""
    for index, node in _controllers(domain).items():
        old = _controllers(before).get(index)
        if old is None or units.pci_text(old.find("address")) != units.pci_text(
            node.find("address")
        ):
            continue
        if old.find("address[@multifunction]") is None:
            for address in node.findall("address[@multifunction]"):
                del address.attrib["multifunction"]


def _free_taken_addresses(domain: _Element) -> None:
    """A restored device gives way where its guest address was given to another one since."""
    seen: set[str] = set()
    for node in domain.findall("devices/*/address[@type='pci']"):
        address = units.pci_text(node)
        if address is None or node.getparent() is None:
            continue
        if address in seen:
            tree.drop(node)
        seen.add(address)
