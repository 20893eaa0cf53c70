"""What carries a thing: PCI functions, and what could not be followed."""

from __future__ import annotations

from collections.abc import Iterable

from backends.pci import functions_in
from specs.record import Record
from specs.values import PciAddress


class Use(Record, order=True):
    """A use that the host makes of a function.

    ``kind``: mount, swap, boot, fstab, crypttab, pool, journal, default-route, only-address,
    session, storage-network, console; and, not ``critical`` (taking it away loses no host, but
    not while it runs): held, address, keyboard, boot-display, display, driver-users.
    """

    kind: str
    detail: str
    critical: bool = True

    def __str__(self) -> str:
        words = {
            "mount": "{}",
            "swap": "swap {}",
            "boot": "boot partition ({})",
            "fstab": "{} (fstab, not mounted)",
            "crypttab": "{} (crypttab, not open)",
            "pool": "ZFS pool {}",
            "journal": "journal of {}",
            "default-route": "default route ({})",
            "only-address": "the only address ({})",
            "session": "this SSH session ({})",
            "storage-network": "network storage ({})",
            "console": "console {}",
            "held": "held by {}",
            "address": "address on {}",
            "keyboard": "keyboard ({})",
            "boot-display": "boot display",
            "display": "active display {}",
            "driver-users": "{}",
        }
        return words[self.kind].format(self.detail)

    @property
    def plain(self) -> str:
        """As a table has it: of a route no interface, which stands beside it."""
        return "default route" if self.kind == "default-route" else str(self)


# Base classes (include/linux/pci_ids.h) that carry neither disks nor networks: graphics,
# multimedia, bridges, processors, accelerators, co-processors.
_CARRY_NOTHING = frozenset({"03", "04", "06", "0b", "12", "40"})
_NO_NETWORK = _CARRY_NOTHING | {"01", "05"}  # mass storage, memory
_NO_DISK = _CARRY_NOTHING | {"02", "0d"}  # network, wireless


class Unresolved(Record, order=True):
    """Something the host needs whose carrier is not known.

    ``area``: storage or network, where a way down ended at something unknown; mounts or routes,
    where the host's own table of them is missing, as in a copy of its files.
    """

    area: str
    what: str
    why: str

    @property
    def untold(self) -> bool:
        """Whether nothing points at any hardware: it was not told what there is to follow."""
        return self.area in ("mounts", "routes")

    def could_be(self, base_class: str) -> bool:
        """Whether a function of this base class could be the carrier that was not found."""
        # Storage that could not be followed may be network storage; a disk is none.
        not_by = {"storage": _CARRY_NOTHING, "mounts": _NO_DISK}
        return base_class not in not_by.get(self.area, _NO_NETWORK)


class Carriers(Record):
    """The functions that carry something; reasons in ``unknown`` mean there may be more."""

    functions: frozenset[PciAddress] = frozenset()
    unknown: tuple[tuple[str, str], ...] = ()  # (area, why)

    def __or__(self, other: Carriers) -> Carriers:
        unknown = dict.fromkeys(self.unknown + other.unknown)
        return Carriers(self.functions | other.functions, tuple(unknown))


NOTHING = Carriers()


def carried_by(path: str) -> Carriers:
    """Every function in a sysfs path: the bridges, VMD or USB controllers above count too."""
    return Carriers(frozenset(functions_in(path)))


def unknown(area: str, why: str) -> Carriers:
    """Nobody knows what carries it."""
    return Carriers(unknown=((area, why),))


def union(parts: Iterable[Carriers]) -> Carriers:
    """All of them together."""
    out = NOTHING
    for part in parts:
        out = out | part
    return out
