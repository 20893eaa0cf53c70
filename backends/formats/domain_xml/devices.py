"""Properties of devices: host devices and their ROM, shared memory, evdev input, controllers,
the balloon, discard of disks. Each is found by what names it, never by its position."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backends.formats.domain_xml import base, tree, units

if TYPE_CHECKING:
    from lxml.etree import _Element


class Device(base.Base):
    """A device element that is ours as a whole when it was not there before."""

    def find(self, domain: _Element, item: str) -> _Element | None:
        """The device that ``item`` names."""
        raise NotImplementedError

    def restore(self, domain: _Element, before: _Element, item: str) -> None:
        """Put the element of ``before`` in the place of ours, or take ours away."""
        ours, old = self.find(domain, item), self.find(before, item)
        if ours is not None and old is not None:
            fresh = copy.deepcopy(old)
            fresh.tail = ours.tail
            ours.getparent().replace(ours, fresh)  # type: ignore[union-attr]
        elif ours is not None:
            tree.drop(ours)
        elif old is not None:
            tree.place(tree.ensure(domain, "devices"), copy.deepcopy(old))


def hostdev_elements(domain: _Element) -> list[_Element]:
    """Everything that hands a host PCI function to the guest, a VF as an interface too."""
    return [
        *(h for h in domain.findall("devices/hostdev") if h.get("type") == "pci"),
        *(i for i in domain.findall("devices/interface") if i.get("type") == "hostdev"),
    ]


def hostdev_address(node: _Element) -> str | None:
    """The host address of such an element, ``0000:01:00.0``."""
    return units.pci_text(node.find("source/address"))


class Hostdev(Device):
    """A PCI function given to the guest; the value is its managed mode.

    An ``any`` mode accepts both: a function that is bound to vfio-pci from boot on is left alone
    by libvirt either way (it neither binds nor gives back what it found on a stub driver).
    """

    def find(self, domain: _Element, item: str) -> _Element | None:
        """See Device."""
        matching = (h for h in hostdev_elements(domain) if hostdev_address(h) == item)
        return next(matching, None)

    def read(self, domain: _Element, item: str) -> str | None:
        """See Property."""
        node = self.find(domain, item)
        return None if node is None else f"managed={node.get('managed', 'no')}"

    def same(self, domain: _Element, item: str, wanted: str) -> bool:
        """See Property."""
        found = self.read(domain, item)
        return found is not None and (wanted == "managed=any" or found == wanted)

    def write(self, domain: _Element, item: str, value: str) -> None:
        """See Property."""
        managed = base.bag(value)["managed"].replace("any", "no")
        node = self.find(domain, item)
        if node is not None:
            node.set("managed", managed)
            return
        devices = tree.ensure(domain, "devices")
        node = tree.add(devices, "hostdev", mode="subsystem", type="pci", managed=managed)
        source = tree.add(node, "source")
        tree.add(source, "address", **units.pci_attributes(item))

    def restore(self, domain: _Element, before: _Element, item: str) -> None:
        """See Property. What else was changed in an element that was there stays."""
        ours, old = self.find(domain, item), self.find(before, item)
        if ours is not None and old is not None and ours.tag == old.tag:
            ours.attrib.pop("managed", "")
            if (managed := old.get("managed")) is not None:
                ours.set("managed", managed)
        else:
            super().restore(domain, before, item)


@dataclass(frozen=True)
class Rom(base.Base):
    """An attribute of a host device's ROM (file, bar); ``item`` is the device's address."""

    name: str = "file"

    def _rom(self, domain: _Element, item: str) -> _Element | None:
        device = Hostdev().find(domain, item)
        return None if device is None else device.find("rom")

    def read(self, domain: _Element, item: str) -> str | None:
        """See Property."""
        node = self._rom(domain, item)
        return None if node is None else node.get(self.name)

    def write(self, domain: _Element, item: str, value: str) -> None:
        """See Property."""
        device = Hostdev().find(domain, item)
        if device is not None:
            tree.ensure(device, "rom").set(self.name, value)

    def restore(self, domain: _Element, before: _Element, item: str) -> None:
        """See Property."""
        device, ours, old = (
            Hostdev().find(domain, item),
            self._rom(domain, item),
            self._rom(before, item),
        )
        if ours is not None:
            tree.drop(ours)
        if device is not None and old is not None:
            tree.place(device, copy.deepcopy(old))


class Shmem(Device):
    """Shared memory by name (Looking Glass): ``model=ivshmem-plain size=32M``."""

    def find(self, domain: _Element, item: str) -> _Element | None:
        """See Device."""
        return next((n for n in domain.findall("devices/shmem") if n.get("name") == item), None)

    def read(self, domain: _Element, item: str) -> str | None:
        """See Property."""
        node = self.find(domain, item)
        if node is None:
            return None
        model, size = node.find("model"), node.find("size")
        found = {"model": "ivshmem" if model is None else model.get("type", "")}
        if size is not None:
            found["size"] = units.size_text(units.kib(tree.text_of(size), size.get("unit")) or 0)
        return base.bag_text(found)

    def write(self, domain: _Element, item: str, value: str) -> None:
        """See Property."""
        want = base.bag(value)
        node = self.find(domain, item)
        if node is None:
            node = tree.add(tree.ensure(domain, "devices"), "shmem", name=item)
        tree.ensure(node, "model").set("type", want["model"])
        size = tree.ensure(node, "size")
        size.text, kib = "", units.size_kib(want["size"])
        size.text = str(kib // 1024) if kib % 1024 == 0 else str(kib)
        size.set("unit", "M" if kib % 1024 == 0 else "KiB")


class Evdev(Device):
    """An ``<input type='evdev'>`` by its device file; value: grab, repeat, grabToggle words."""

    def find(self, domain: _Element, item: str) -> _Element | None:
        """See Device."""
        for node in domain.findall("devices/input"):
            source = node.find("source")
            if node.get("type") == "evdev" and source is not None and source.get("dev") == item:
                return node
        return None

    def read(self, domain: _Element, item: str) -> str | None:
        """See Property."""
        node = self.find(domain, item)
        source = None if node is None else node.find("source")
        if source is None:
            return None
        names = ("grab", "repeat", "grabToggle")
        return base.bag_text({n: v for n in names if (v := source.get(n)) is not None})

    def same(self, domain: _Element, item: str, wanted: str) -> bool:
        """See Property. Only the words that are wanted are compared."""
        found = self.read(domain, item)
        have = base.bag(found)
        return found is not None and all(have.get(n) == v for n, v in base.bag(wanted).items())

    def write(self, domain: _Element, item: str, value: str) -> None:
        """See Property."""
        node = self.find(domain, item)
        if node is None:
            node = tree.add(tree.ensure(domain, "devices"), "input", type="evdev")
            tree.add(node, "source", dev=item)
        source = tree.ensure(node, "source")
        for name, word in base.bag(value).items():
            source.set(name, word)


class ScsiController(Device):
    """A SCSI controller by index: ``model=virtio-scsi queues=4 iothread=1``."""

    def find(self, domain: _Element, item: str) -> _Element | None:
        """See Device."""
        for node in domain.findall("devices/controller"):
            if node.get("type") == "scsi" and node.get("index", "0") == item:
                return node
        return None

    def read(self, domain: _Element, item: str) -> str | None:
        """See Property."""
        node = self.find(domain, item)
        if node is None:
            return None
        found = {"model": node.get("model", "auto")}
        driver = node.find("driver")
        for name in ("queues", "iothread"):
            if driver is not None and (value := driver.get(name)) is not None:
                found[name] = value
        return base.bag_text(found)

    def same(self, domain: _Element, item: str, wanted: str) -> bool:
        """See Property. Only the words that are wanted are compared."""
        have = base.bag(self.read(domain, item))
        return all(have.get(n) == v for n, v in base.bag(wanted).items())

    def write(self, domain: _Element, item: str, value: str) -> None:
        """See Property."""
        want = base.bag(value)
        node = self.find(domain, item)
        if node is None:
            devices = tree.ensure(domain, "devices")
            node = tree.add(devices, "controller", type="scsi", index=item)
        node.set("model", want.pop("model"))
        for name, word in want.items():
            tree.ensure(node, "driver").set(name, word)


@dataclass(frozen=True)
class Memballoon(base.Attribute):
    """``devices/memballoon`` ``model``; ``none`` is a device too, and has no address."""

    path: str = "devices/memballoon"
    name: str = "model"

    def write(self, domain: _Element, item: str, value: str) -> None:
        """See Property. What described the other model goes."""
        node = tree.ensure(domain, self.path)
        if node.get("model") != value:
            for child in list(node):
                tree.drop(child)
            node.attrib.clear()
        node.set("model", value)

    def restore(self, domain: _Element, before: _Element, item: str) -> None:
        """See Property."""
        base.replace_elements(domain, before, self.path)


def discard_targets(domain: _Element) -> list[str]:
    """Target names of the disks that can pass a discard on: virtio, or SCSI on virtio-scsi."""
    return [name for disk in domain.findall("devices/disk") if (name := _discards(domain, disk))]


def _discards(domain: _Element, disk: _Element) -> str | None:
    target = disk.find("target")
    if target is None or disk.get("device", "disk") not in ("disk", "lun"):
        return None
    bus, name = target.get("bus", ""), target.get("dev", "")
    if bus == "scsi":
        return name if _on_virtio_scsi(domain, disk) else None
    return name if bus == "virtio" and disk.get("type") != "vhostuser" else None


def _on_virtio_scsi(domain: _Element, disk: _Element) -> bool:
    address = disk.find("address")
    index = "0" if address is None else address.get("controller", "0")
    return base.bag(ScsiController().read(domain, index)).get("model") == "virtio-scsi"


class DiskDiscard(base.Base):
    """``driver`` ``discard`` of the disk with target ``item``."""

    def _disk(self, domain: _Element, item: str) -> _Element | None:
        for disk in domain.findall("devices/disk"):
            target = disk.find("target")
            if target is not None and target.get("dev") == item:
                return disk
        return None

    def read(self, domain: _Element, item: str) -> str | None:
        """See Property."""
        disk = self._disk(domain, item)
        driver = None if disk is None else disk.find("driver")
        return None if driver is None else driver.get("discard")

    def write(self, domain: _Element, item: str, value: str) -> None:
        """See Property."""
        disk = self._disk(domain, item)
        if disk is not None:
            driver = disk.find("driver")
            if driver is None:
                driver = tree.add(disk, "driver", name="qemu")
            driver.set("discard", value)

    def restore(self, domain: _Element, before: _Element, item: str) -> None:
        """See Property. A driver element that libvirt or we added goes when nothing is left."""
        disk, old = self._disk(domain, item), self._disk(before, item)
        if disk is None:
            return
        if old is not None and old.find("driver") is None:
            for driver in disk.findall("driver"):
                driver.attrib.pop("discard", "")
                if set(driver.attrib) <= {"name", "type"}:
                    tree.drop(driver)
        else:
            base.restore_attribute(disk, disk if old is None else old, "driver", "discard")
