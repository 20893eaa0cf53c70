"""What a domain has that stands against what is wanted of it, known before anything is touched.

Each of these makes libvirt refuse the definition, lose a part of it, or fail to start the guest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from backends.formats.domain_xml import cpu_conflicts, device_conflicts, memory_conflicts
from backends.formats.domain_xml.conflict import Conflict

if TYPE_CHECKING:
    from lxml.etree import _Element

__all__ = ["Conflict", "conflicts"]


def conflicts(
    domain: _Element, wanted: Mapping[str, str], *, completed: bool = False
) -> list[Conflict]:
    """All conflicts of one domain with the wanted properties. ``completed``: libvirt has added to
    the definition whatever it lacked, so what is not there is not there."""
    return list(_all(domain, wanted, completed))


def _all(domain: _Element, wanted: Mapping[str, str], completed: bool) -> Iterator[Conflict]:
    yield from cpu_conflicts.find(domain, wanted)
    yield from memory_conflicts.find(domain, wanted)
    yield from device_conflicts.find(domain, wanted, completed=completed)
