"""What a running VM, or one with a saved state, still lacks of its own definition."""

from __future__ import annotations

from collections.abc import Iterator

from backends.formats import domain_xml
from backends.libvirt import DomainState
from reconciler.domains.changes import Target
from reconciler.domains.record import AUTOSTART, Managed
from reconciler.domains.words import meant
from reconciler.model import Effective, Pending


def pending(
    domain: DomainState, target: Target | None, record: Managed | None
) -> Iterator[Pending]:
    """Declared or owned properties in which what runs differs from what is defined: it keeps them
    until the VM is shut down and started again. A saved state is what would run."""
    present = domain.present
    if present is None or domain.inactive is None:
        return
    declared = {} if target is None else target.properties
    defined = domain_xml.parse(domain.inactive)
    keys = [*domain_xml.complete(defined, declared), *(record.values if record else ())]
    names = [key for key in dict.fromkeys(keys) if key != AUTOSTART]
    will, now = domain_xml.read(defined, names), domain_xml.read(present, names)
    for key in names:
        if will[key] == now[key]:
            continue
        value, runs = will[key] or "", now[key] or ""
        said = tuple(meant(key, text) if text else "" for text in (value, runs))
        yield Pending(f"{domain.name} {key}", value, runs, Effective.VM_RESTART, said)
