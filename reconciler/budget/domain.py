"""What an existing libvirt domain asks of the budget, where the spec leaves it alone."""

from __future__ import annotations

from reconciler.budget.demand import Present
from specs.values import CpuSet, MemorySize, PageSize

_KEYS = ("vcpu", "vcpupin", "memory", "hugepages", "locked")
_MOST_VCPUS = 65535


def present(xml: str, *, autostart: bool, default_kib: int | None = None) -> Present:
    """From a domain's definition; what libvirt would not take either asks for nothing.

    ``default_kib`` is the page size of ``<hugepages/>`` without a size.
    """
    # Here, not above: a host without VMs plans without the XML library.
    from backends.formats.domain_xml import DomainXmlError, parse, read
    from backends.formats.domain_xml.units import kib

    try:
        found, tree = read(xml, _KEYS), parse(xml)
    except DomainXmlError:
        return Present(autostart=autostart)
    vcpus, memory = found["vcpu"] or "", _size(MemorySize, found["memory"])
    limit = tree.find("memtune/hard_limit")
    return Present(
        vcpus=min(int(vcpus), _MOST_VCPUS) if vcpus.isdecimal() else None,
        vcpupin=_pins(found["vcpupin"] or ""),
        memory_kib=memory.kib if memory else None,
        page_kib=_page(found["hugepages"], default_kib),
        locked=found["locked"] == "yes",
        viommu=tree.find("devices/iommu") is not None,
        hard_limit_kib=None if limit is None else kib(limit.text or "", limit.get("unit")),
        autostart=autostart,
    )


def _size(kind: type[MemorySize], text: str | None) -> MemorySize | None:
    try:
        return kind.parse(text) if text else None
    except ValueError:
        return None


def _page(text: str | None, default_kib: int | None) -> int | None:
    """The one page size; several of them, each for some guest nodes, are not counted."""
    if text == "default":
        return default_kib
    size = _size(PageSize, text)
    return size.kib if size else None


def _pins(text: str) -> tuple[CpuSet, ...]:
    """``0=2 1=10`` by vCPU."""
    pairs = (word.partition("=") for word in text.split())
    pins = {int(number): CpuSet.parse(cpus) for number, _, cpus in pairs if number.isdecimal()}
    return tuple(pins[number] for number in sorted(pins))
