"""iothreads of a domain by their ids (formatdomain, "IOThreads Allocation").

``<iothreads>`` is a number; ids that ``<iothreadids>`` does not list are the lowest that are free.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from backends.formats.domain_xml import base, tree

if TYPE_CHECKING:
    from lxml.etree import _Element


def ids(domain: _Element) -> set[int]:
    """The ids that the iothreads have."""
    listed = [int(node.get("id", "0")) for node in _listed(domain)]
    text = tree.text_of(domain.find("iothreads"))
    return _filled(set(listed), int(text) if text.isdigit() else 0)


def needed(domain: _Element, pinned: int) -> int:
    """How many iothreads there must be so that 1 to ``pinned`` are among them."""
    present = ids(domain)
    return len(present | set(range(1, pinned + 1)))


def after(domain: _Element, number: int) -> set[int]:
    """The ids when there are to be ``number`` of them."""
    present = ids(domain)
    return _filled(_kept(domain, present, number), number)


def used(domain: _Element) -> Iterator[tuple[str, int]]:
    """Which device uses which iothread."""
    for driver in domain.findall("devices/*/driver"):
        device = driver.getparent()
        target = None if device is None else device.find("target")
        what = "" if device is None else str(device.tag)
        name = f"{what} {'' if target is None else target.get('dev', '')}".strip()
        mapped = (node.get("id", "") for node in driver.findall("iothreads/iothread"))
        for number in (driver.get("iothread", ""), *mapped):
            if number.isdigit():
                yield name, int(number)


class IoThreads(base.Base):
    """The number of iothreads. Fewer: those that a device uses stay longest."""

    def read(self, domain: _Element, item: str) -> str | None:
        """See Property."""
        return str(len(ids(domain)))

    def write(self, domain: _Element, item: str, value: str) -> None:
        """See Property."""
        kept = _kept(domain, ids(domain), int(value))
        tree.ensure(domain, "iothreads").text = value
        for node in _listed(domain):
            if int(node.get("id", "0")) not in kept:
                tree.drop(node)

    def restore(self, domain: _Element, before: _Element, item: str) -> None:
        """See Property."""
        base.replace_elements(domain, before, "iothreads")
        base.replace_elements(domain, before, "iothreadids")


def _listed(domain: _Element) -> list[_Element]:
    return [n for n in domain.findall("iothreadids/iothread") if n.get("id", "").isdigit()]


def _filled(present: set[int], number: int) -> set[int]:
    full = set(present)
    candidate = 1
    while len(full) < number:
        full.add(candidate)
        candidate += 1
    return full


def _kept(domain: _Element, present: set[int], number: int) -> set[int]:
    busy = {one for _, one in used(domain)}
    return set(sorted(present, key=lambda one: (one not in busy, one))[:number])
