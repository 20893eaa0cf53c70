"""What an existing libvirt domain asks of the budget, where the spec leaves it alone."""

from __future__ import annotations

from reconciler.budget.demand import Present
from specs.values import CpuSet

_KEYS = ("vcpu", "vcpupin", "memory", "hugepages")


def present(xml: str, *, autostart: bool, default_kib: int | None = None) -> Present:
    """From a domain's persistent definition; one that cannot be read asks for nothing.

    ``default_kib`` is the page size of ``<hugepages/>`` without a size.
    """
    # Here, not above: a host without VMs plans without the XML library.
    from backends.formats.domain_xml import DomainXmlError, read
    from backends.formats.domain_xml.units import size_kib

    try:
        found = read(xml, _KEYS)
    except DomainXmlError:
        return Present(autostart=autostart)
    memory, vcpus = found["memory"], found["vcpu"]
    return Present(
        vcpus=int(vcpus) if vcpus and vcpus.isdecimal() else None,
        vcpupin=_pins(found["vcpupin"] or ""),
        memory_kib=size_kib(memory) if memory else None,
        page_kib=_page(found["hugepages"], default_kib),
        autostart=autostart,
    )


def _page(text: str | None, default_kib: int | None) -> int | None:
    """The one page size; several of them, each for some guest nodes, are not counted."""
    from backends.formats.domain_xml.units import size_kib

    if text == "default":
        return default_kib
    return size_kib(text) if text and "," not in text else None


def _pins(text: str) -> tuple[CpuSet, ...]:
    """``0=2 1=10`` by vCPU."""
    pairs = (word.partition("=") for word in text.split())
    pins = {int(number): CpuSet.parse(cpus) for number, _, cpus in pairs if number.isdecimal()}
    return tuple(pins[number] for number in sorted(pins))
