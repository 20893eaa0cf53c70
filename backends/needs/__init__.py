"""What the host needs of its PCI functions: storage, network, and the way in for a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from backends.needs.carriers import Carriers, Unresolved, Use
from backends.needs.console import Seat, observe_seat, seat_uses
from backends.needs.network import Network
from backends.needs.storage import Storage
from backends.pci import PciFunction, PciState
from backends.pci.iommu import uses_kernel_dma
from backends.reader import Reader
from specs.record import Record, field
from specs.values import PciAddress

__all__ = ["Needs", "Unresolved", "Use", "observe_needs"]


class Needs(Record):
    """Uses by function (bridges above a carrier have its uses too), and what stayed unknown.

    ``passing`` holds what comes and goes while nothing is reconfigured: the SSH session, and most
    of what only forbids taking the function away at this moment. ``disks`` are the functions with
    block devices on or below them.
    """

    VOLATILE = frozenset({"passing", "disks"})

    uses: Mapping[PciAddress, tuple[Use, ...]] = field(default_factory=dict)
    unresolved: tuple[Unresolved, ...] = ()
    passing: Mapping[PciAddress, tuple[Use, ...]] = field(default_factory=dict)
    seat: Seat = field(default_factory=Seat)
    disks: frozenset[PciAddress] = frozenset()

    def of(self, address: PciAddress, *, critical: bool | None = None) -> tuple[Use, ...]:
        """The uses of a function; ``critical`` keeps only those that are, or are not."""
        found = self.uses.get(address, ()) + self.passing.get(address, ())
        return tuple(use for use in found if critical is None or use.critical is critical)

    def doubts(self, function: PciFunction) -> tuple[Unresolved, ...]:
        """What the function may well carry. What vfio-pci holds carries nothing of the host; and
        with no table of mounts, what has no disk carries none."""
        if function.driver is not None and not uses_kernel_dma(function.driver):
            return ()
        return tuple(
            item
            for item in self.unresolved
            if item.could_be(function.base_class)
            and (not item.untold or (item.area == "mounts" and function.address in self.disks))
        )

    def untold(self, function: PciFunction) -> tuple[Unresolved, ...]:
        """Tables that are missing, without which nobody knows whether the host uses it."""
        known = self.doubts(function)
        missing = (item for item in self.unresolved if item.untold and item not in known)
        return tuple(item for item in missing if item.could_be(function.base_class))


def observe_needs(reader: Reader, pci: PciState, *, ssh_connection: str | None = None) -> Needs:
    """Follow everything. ``ssh_connection`` is the SSH_CONNECTION of whoever runs the tool."""
    network = Network(reader, pci)
    storage = Storage(reader, network)
    seat = observe_seat(reader, pci)
    found = [
        *storage.uses(),
        *_network_uses(network, ssh_connection),
        *seat_uses(reader, seat),
    ]
    lasting = [(use, c) for use, c in found if _lasting(use)]
    uses = _by_function(lasting)
    # That a disk is held by device-mapper is news only where nothing else is said of it.
    passing = _by_function((use, _news(use, c, uses)) for use, c in found if not _lasting(use))
    unresolved = _unresolved(found) + network.missing()
    return Needs(uses, unresolved, passing, seat, storage.blocks.on_hardware())


def _lasting(use: Use) -> bool:
    return use.kind in ("boot-display", "keyboard") or (use.critical and use.kind != "session")


def _news(use: Use, carriers: Carriers, known: Mapping[PciAddress, object]) -> Carriers:
    return Carriers(carriers.functions - known.keys()) if use.kind == "held" else carriers


def _network_uses(network: Network, ssh: str | None) -> Iterator[tuple[Use, Carriers]]:
    defaults = network.default_interfaces()
    addressed = network.addressed()
    for name in defaults:
        yield Use("default-route", name), network.carriers(name)
    for name in network.session_interfaces(ssh):
        yield Use("session", name), network.carriers(name)
    if not defaults and len(addressed) == 1:
        yield Use("only-address", addressed[0]), network.carriers(addressed[0])
        return
    for name in addressed:
        # That a bridge of guests has an address says nothing about hardware.
        only = Carriers(network.carriers(name).functions)
        yield Use("address", name, critical=False), only


def _by_function(found: Iterable[tuple[Use, Carriers]]) -> dict[PciAddress, tuple[Use, ...]]:
    uses: dict[PciAddress, dict[Use, None]] = {}
    for use, carriers in found:
        for address in carriers.functions:
            uses.setdefault(address, {})[use] = None
    return {a: tuple(sorted(uses[a], key=lambda u: (not u.critical, u))) for a in sorted(uses)}


def _unresolved(found: Iterable[tuple[Use, Carriers]]) -> tuple[Unresolved, ...]:
    out: dict[tuple[str, str], list[str]] = {}
    for use, carriers in found:
        for area, why in carriers.unknown if use.critical else ():
            out.setdefault((area, str(use)), []).append(why)
    return tuple(
        Unresolved(area, what, "; ".join(dict.fromkeys(reasons)))
        for (area, what), reasons in out.items()
    )
