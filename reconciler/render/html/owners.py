"""Who has which CPU: the host, nobody yet, or VMs."""

from __future__ import annotations

from reconciler.inspection.model import Inspection
from specs.record import Record
from specs.values import CpuSet

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
COLOURS = 8  # the style sheet has that many


class Owner(Record):
    """``letter`` marks its CPUs beside the colour; empty for the host and for nobody."""

    key: str
    name: str
    letter: str = ""


HOST = Owner("host", "the host")
FREE = Owner("free", "isolated, no VM pinned")
OFFLINE = Owner("offline", "offline")


class Owners:
    """The owners of one host: each VM that has CPUs or devices of its own has a letter and a
    colour, the same ones as ``like`` gives it."""

    def __init__(self, found: Inspection, like: Owners | None = None) -> None:
        self.vms: dict[str, Owner] = dict(like.vms) if like is not None else {}
        for vm in found.vms:
            if vm.name not in self.vms and (vm.pinned or vm.devices):
                n = len(self.vms)
                self.vms[vm.name] = Owner(f"vm{n % COLOURS}", vm.name, _letter(n))
        self._pins = {vm.name: vm.pinned for vm in found.vms if vm.pinned}
        self._isolated = CpuSet.parse(found.cpu.isolated) if found.cpu.isolated else CpuSet()
        self._devices = {a: self.vms[vm.name] for vm in found.vms for a in vm.devices}

    def of(self, cpu: int) -> tuple[Owner, ...]:
        """The owners of a CPU, in the order of the VMs."""
        found = tuple(self.vms[name] for name, cpus in self._pins.items() if cpu in cpus)
        return found or ((FREE,) if cpu in self._isolated else (HOST,))

    def of_device(self, address: str) -> Owner | None:
        """The VM that a device goes to, if its CPUs are in the picture."""
        return self._devices.get(address)

    @property
    def legend(self) -> tuple[Owner, ...]:
        """Every owner that is in the picture."""
        free = self._isolated - CpuSet(c for cpus in self._pins.values() for c in cpus)
        mine = {*self._pins, *(owner.name for owner in self._devices.values())}
        vms = (owner for name, owner in self.vms.items() if name in mine)
        return (HOST, *([FREE] if free else []), *vms)


def _letter(number: int) -> str:
    turn, rest = divmod(number, len(_LETTERS))
    return _LETTERS[rest] + (str(turn + 1) if turn else "")
