"""Properties of the machine itself: vCPUs, pins, memory and what backs it, topology."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backends.formats.domain_xml import base, tree, units
from specs.values import CpuSet

if TYPE_CHECKING:
    from lxml.etree import _Element


@dataclass(frozen=True)
class Vcpu(base.Base):
    """The maximum number of vCPUs; all of them online."""

    def read(self, domain: _Element, item: str) -> str | None:
        """See Property. Without the element libvirt gives one vCPU."""
        return tree.text_of(domain.find("vcpu")) or "1"

    def write(self, domain: _Element, item: str, value: str) -> None:
        """See Property. ``current`` and ``<vcpus>`` describe the old number, so they go; one
        guest NUMA cell has all the vCPUs, so it follows."""
        node = tree.ensure(domain, "vcpu")
        node.text = value
        node.attrib.pop("current", "")
        for listed in domain.findall("vcpus"):
            tree.drop(listed)
        cells = domain.findall("cpu/numa/cell")
        if len(cells) == 1 and cells[0].get("cpus") is not None:
            cells[0].set("cpus", str(CpuSet(range(int(value)))))

    def restore(self, domain: _Element, before: _Element, item: str) -> None:
        """See Property."""
        count = int(self.read(domain, item) or 1)
        old = before.find("vcpu")
        if old is None:
            base.replace_elements(domain, before, "vcpu")
        else:
            tree.ensure(domain, "vcpu").text = old.text
            base.restore_attribute(domain, before, "vcpu", "current")
        base.replace_elements(domain, before, "vcpus")
        _restore_pins(domain, before, count)
        if len(before.findall("cpu/numa/cell")) == 1:
            base.restore_attribute(domain, before, "cpu/numa/cell", "cpus")


def _restore_pins(domain: _Element, before: _Element, first: int) -> None:
    """libvirt had dropped the pins of vCPUs, from ``first`` on, that were not there for a while."""
    path = "cputune/vcpupin"
    there = {node.get("vcpu") for node in domain.findall(path)}
    for old in before.findall(path):
        number = old.get("vcpu", "")
        if number not in there and number.isdigit() and int(number) >= first:
            tree.place(tree.ensure(domain, "cputune"), copy.deepcopy(old))


@dataclass(frozen=True)
class Pins(base.Base):
    """``cputune/vcpupin`` or ``iothreadpin``, as ``NUMBER=CPUS`` words."""

    path: str
    number: str

    def read(self, domain: _Element, item: str) -> str | None:
        """See Property."""
        found = {
            int(node.get(self.number, "-1")): units.cpuset_text(node.get("cpuset", "")) or ""
            for node in domain.findall(self.path)
            if node.get(self.number, "").isdigit()
        }
        return base.bag_text({str(n): found[n] for n in sorted(found)}) if found else None

    def same(self, domain: _Element, item: str, wanted: str) -> bool:
        """See Property. libvirt drops pins of vCPUs that the domain does not have."""
        found, want = base.bag(self.read(domain, item)), base.bag(wanted)
        return self._possible(domain, found) == self._possible(domain, want)

    def _possible(self, domain: _Element, pins: dict[str, str]) -> dict[str, str]:
        canonical = {n: units.cpuset_text(cpus) or cpus for n, cpus in pins.items()}
        if self.number != "vcpu":
            return canonical
        count = int(Vcpu().read(domain, "") or 1)
        return {n: cpus for n, cpus in canonical.items() if int(n) < count}

    def write(self, domain: _Element, item: str, value: str) -> None:
        """See Property. The list is the whole list: pins that it does not name go."""
        for node in domain.findall(self.path):
            tree.drop(node)
        parent, _, name = self.path.rpartition("/")
        for number, cpus in base.bag(value).items():
            tree.add(tree.ensure(domain, parent), name, **{self.number: number, "cpuset": cpus})

    def restore(self, domain: _Element, before: _Element, item: str) -> None:
        """See Property."""
        base.replace_elements(domain, before, self.path)


@dataclass(frozen=True)
class EmulatorPin(base.Attribute):
    """``cputune/emulatorpin``."""

    def read(self, domain: _Element, item: str) -> str | None:
        """See Property."""
        found = super().read(domain, item)
        return None if found is None else units.cpuset_text(found)

    def restore(self, domain: _Element, before: _Element, item: str) -> None:
        """See Property."""
        base.replace_elements(domain, before, self.path)


@dataclass(frozen=True)
class Memory(base.Base):
    """The memory at start. ``currentMemory`` follows: a device's memory cannot be ballooned."""

    def read(self, domain: _Element, item: str) -> str | None:
        """See Property."""
        size = element_kib(domain.find("memory"))
        return None if size is None else units.size_text(size)

    def same(self, domain: _Element, item: str, wanted: str) -> bool:
        """See Property."""
        want = units.size_kib(wanted)
        current = element_kib(domain.find("currentMemory"))
        return element_kib(domain.find("memory")) == want and current in (None, want)

    def write(self, domain: _Element, item: str, value: str) -> None:
        """See Property. One guest NUMA cell has all the memory, so it follows too."""
        size = str(units.size_kib(value))
        for path in ("memory", "currentMemory"):
            node = tree.ensure(domain, path)
            node.set("unit", "KiB")
            node.text = size
        cells = domain.findall("cpu/numa/cell")
        if len(cells) == 1:
            cells[0].set("memory", size)
            cells[0].set("unit", "KiB")

    def restore(self, domain: _Element, before: _Element, item: str) -> None:
        """See Property."""
        for path in ("memory", "currentMemory"):
            base.replace_elements(domain, before, path)
        if len(before.findall("cpu/numa/cell")) == 1:
            for name in ("memory", "unit"):
                base.restore_attribute(domain, before, "cpu/numa/cell", name)


def element_kib(node: _Element | None) -> int | None:
    """The size in an element such as ``<memory unit='GiB'>8</memory>``."""
    return None if node is None else units.kib(tree.text_of(node), node.get("unit"))


@dataclass(frozen=True)
class Hugepages(base.Base):
    """``memoryBacking/hugepages``: one page size for the whole guest, or ``default``."""

    def read(self, domain: _Element, item: str) -> str | None:
        """See Property."""
        if domain.find("memoryBacking/hugepages") is None:
            return None
        pages = domain.findall("memoryBacking/hugepages/page")
        return ",".join(_page_text(page) for page in pages) or "default"

    def write(self, domain: _Element, item: str, value: str) -> None:
        """See Property."""
        for page in domain.findall("memoryBacking/hugepages/page"):
            tree.drop(page)
        parent = tree.ensure(domain, "memoryBacking/hugepages")
        tree.add(parent, "page", size=str(units.size_kib(value)), unit="KiB")

    def restore(self, domain: _Element, before: _Element, item: str) -> None:
        """See Property."""
        base.replace_elements(domain, before, "memoryBacking/hugepages")


def _page_text(page: _Element) -> str:
    size = units.kib(page.get("size", ""), page.get("unit"))
    text = "?" if size is None else units.size_text(size)
    nodeset = page.get("nodeset")
    return text if nodeset is None else f"{text}@{nodeset}"


@dataclass(frozen=True)
class Numatune(base.Base):
    """``numatune/memory``: ``mode=strict nodeset=0``, host nodes."""

    def read(self, domain: _Element, item: str) -> str | None:
        """See Property. libvirt's default mode is strict."""
        node = domain.find("numatune/memory")
        if node is None:
            return None
        nodeset = node.get("nodeset")
        nodes = "auto" if nodeset is None else units.cpuset_text(nodeset) or nodeset
        return f"mode={node.get('mode', 'strict')} nodeset={nodes}"

    def write(self, domain: _Element, item: str, value: str) -> None:
        """See Property. A fixed nodeset and placement='auto' exclude each other."""
        node = tree.ensure(domain, "numatune/memory")
        node.attrib.pop("placement", "")
        for name, word in base.bag(value).items():
            node.set(name, word)

    def restore(self, domain: _Element, before: _Element, item: str) -> None:
        """See Property."""
        base.replace_elements(domain, before, "numatune/memory")
