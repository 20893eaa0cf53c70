"""Domain XML of libvirt: owned properties read, compared, set and undone; all else survives."""

from __future__ import annotations

from backends.formats.domain_xml.conflicts import Conflict, conflicts
from backends.formats.domain_xml.edit import (
    Difference,
    Edited,
    differences,
    edit,
    read,
    restore,
)
from backends.formats.domain_xml.secrets import merge, strip
from backends.formats.domain_xml.tree import DomainXmlError, parse, serialise, uuid
from backends.formats.domain_xml.wanted import Evdev, Hostdev, Shmem, Topology, Wanted

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
    "conflicts",
    "differences",
    "edit",
    "merge",
    "parse",
    "read",
    "restore",
    "serialise",
    "strip",
    "uuid",
]
