"""Domain XML of libvirt: owned properties read, compared, set and undone; all else survives."""

from __future__ import annotations

from backends.formats.domain_xml.conflicts import Conflict, conflicts
from backends.formats.domain_xml.devices import hostdev_address, hostdev_elements
from backends.formats.domain_xml.edit import (
    Difference,
    Edited,
    complete,
    declares,
    differences,
    edit,
    has,
    read,
    restore,
)
from backends.formats.domain_xml.secrets import merge, strip
from backends.formats.domain_xml.tree import DomainXmlError, name, parse, serialise, uuid, with_uuid
from backends.formats.domain_xml.wanted import Evdev, Hostdev, Shmem, Topology, Wanted


def hostdevs(xml: str) -> tuple[str, ...]:
    """The addresses of the host's PCI functions that a definition gives away, each once."""
    found = (hostdev_address(node) for node in hostdev_elements(parse(xml)))
    return tuple(dict.fromkeys(address for address in found if address))


def has_tpm(xml: str) -> bool:
    """Whether the domain has a TPM, whose state lies beside the definition."""
    return parse(xml).find("devices/tpm") is not None


__all__ = [
    "Conflict",
    "Difference",
    "DomainXmlError",
    "Edited",
    "Evdev",
    "Hostdev",
    "Shmem",
    "Topology",
    "Wanted",
    "complete",
    "conflicts",
    "declares",
    "differences",
    "edit",
    "has",
    "has_tpm",
    "hostdevs",
    "merge",
    "name",
    "parse",
    "read",
    "restore",
    "serialise",
    "strip",
    "uuid",
    "with_uuid",
]
