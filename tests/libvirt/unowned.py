"""A definition without what a spec may own in it: an oracle that knows nothing of the editor."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping

from lxml import etree

# By family of the property's key: what is removed before comparing. {item} is the key's object.
_OWNED: Mapping[str, tuple[str, ...]] = {
    # What was an interface stays one, with its own words; only managed, ROM and place may change.
    "hostdev": (
        "devices/hostdev/source/address[@bus='0x41']/../..",
        "devices/interface[@type='hostdev']/@managed",
    ),
    "card": ("devices/interface[@type='hostdev']/address",),
    "rom.file": ("devices/interface[@type='hostdev']/rom",),
    "rom.bar": ("devices/interface[@type='hostdev']/rom",),
    "vcpu": ("vcpu/text()", "vcpu/@current", "vcpus", "cpu/numa/cell/@cpus", "cputune/vcpupin"),
    "topology": ("cpu/topology",),
    "vcpupin": ("cputune/vcpupin",),
    "emulatorpin": ("cputune/emulatorpin",),
    "iothreads": ("iothreads", "iothreadids"),
    "iothreadpin": ("cputune/iothreadpin", "iothreads", "iothreadids"),
    "memory": ("memory", "currentMemory", "cpu/numa/cell/@memory", "cpu/numa/cell/@unit"),
    "hugepages": ("memoryBacking/hugepages",),
    "locked": ("memoryBacking/locked",),
    "nosharepages": ("memoryBacking/nosharepages",),
    "source": ("memoryBacking/source",),
    "access": ("memoryBacking/access",),
    "allocation": ("memoryBacking/allocation",),
    "numatune": ("numatune/memory",),
    "kvm.hidden": ("features/kvm/hidden",),
    "hyperv.vendor_id": ("features/hyperv/vendor_id",),
    "memballoon": ("devices/memballoon",),
    "scsi": ("devices/controller[@type='scsi'][@index='{item}']",),
    "shmem": ("devices/shmem[@name='{item}']",),
    "evdev": ("devices/input/source[@dev='{item}']/..",),
    "discard": ("devices/disk/driver/@discard",),
}
# Containers that a property may leave behind, or bring.
_CONTAINERS = (
    "cputune",
    "memoryBacking",
    "numatune",
    "features/kvm",
    "features/hyperv",
    "features",
)
# What libvirt adds to disks whose driver says something.
_DRIVER = {"name": "qemu", "type": "raw"}


def unowned(changed: str, before: str, wish: Mapping[str, str]) -> tuple[str, str]:
    """Both definitions without what the wish may change, as text that can be compared."""
    after, old = etree.fromstring(changed), etree.fromstring(before)
    _new_controllers(after, old)
    return tuple(_left(root, wish) for root in (after, old))  # type: ignore[return-value]


def _new_controllers(after: etree._Element, old: etree._Element) -> None:
    """PCI controllers that libvirt added to make room, and their mark on the slot's first."""
    path = "devices/controller[@type='pci']"
    known = {node.get("index") for node in old.findall(path)}
    for node in after.findall(path):
        if node.get("index") not in known:
            _drop(node)
    for root in (after, old):
        for address in root.findall(f"{path}/address[@multifunction]"):
            del address.attrib["multifunction"]


def _left(root: etree._Element, wish: Mapping[str, str]) -> str:
    for key in wish:
        family, _, item = key.partition("[")
        for path in _OWNED[family]:
            _remove(root, path.format(item=item.removesuffix("]")))
    for path in _CONTAINERS:
        for node in root.findall(path):
            if len(node) == 0 and not set(node.attrib) - {"mode"}:
                _drop(node)
    for driver in root.findall("devices/disk/driver"):
        if set(driver.attrib.items()) <= set(_DRIVER.items()):
            _drop(driver)
    return "\n".join(sorted(_lines(root, "")))


def _remove(root: etree._Element, path: str) -> None:
    where, _, last = path.rpartition("/")
    for node in list(root.findall(where or ".")) if last.startswith(("@", "text()")) else []:
        if last.startswith("@"):
            node.attrib.pop(last[1:], "")
        else:
            node.text = ""
    if not last.startswith(("@", "text()")):
        for found in root.findall(path):
            _drop(found)


def _drop(node: etree._Element) -> None:
    parent = node.getparent()
    if parent is not None:
        parent.remove(node)


def _lines(node: etree._Element, path: str) -> Iterator[str]:
    """One line for each element with text: its path, attributes and those of what is in it."""
    here = f"{path}/{node.tag}"
    parent = node.getparent()
    if parent is not None and parent.tag in ("devices", "domain"):
        yield f"{path} {_flat(node)}"
        if node.tag != "devices":
            return
    for child in node:
        yield from _lines(child, here)


def _flat(node: etree._Element) -> str:
    bare = copy.deepcopy(node)
    if node.tag == "devices":
        bare[:] = []
    for part in bare.iter():
        part.tail = (part.tail or "").strip() or None
        part.text = (part.text or "").strip() or None
    return str(etree.tostring(bare, method="c14n"), "utf-8")
