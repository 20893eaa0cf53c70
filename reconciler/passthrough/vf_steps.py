"""What is done to a physical function and its VFs: attributes, udev rules, ``ip`` commands."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from backends.formats.sriov_rule import count_rule, driver_rule, interface_rule
from backends.pci import PciFunction
from backends.pci.vf_settings import VfSettings
from backends.steps import Run, Step, WriteAttribute
from reconciler.passthrough.vfs import Fabric, addresses

if TYPE_CHECKING:
    from specs.sriov import VirtualFunction

_BUS = "/sys/bus/pci"


def count_steps(physical: PciFunction, wanted: int, *, autoprobe: bool | None) -> tuple[Step, ...]:
    """A new number of VFs: through 0, because the kernel takes no other way (drivers/pci/iov.c).

    ``autoprobe`` None leaves that as it is.
    """
    base = f"{_BUS}/devices/{physical.address}"
    sriov = physical.sriov
    now = sriov.num if sriov else 0
    steps: list[Step] = []
    shown = sriov.autoprobe if sriov else None  # kernels since 4.12 show it
    if autoprobe is not None and shown is not None and shown is not autoprobe:
        steps.append(WriteAttribute(f"{base}/sriov_drivers_autoprobe", str(int(autoprobe))))
    count = f"{base}/sriov_numvfs"
    if now != wanted and now:
        steps.append(WriteAttribute(count, "0", undo=((count, str(now)),), timeout=120))
    if now != wanted and wanted:
        steps.append(WriteAttribute(count, str(wanted), undo=((count, "0"),), timeout=120))
    return tuple(steps)


def take_steps(vfs: Iterable[str], driver: str, loaded: Collection[str]) -> tuple[Step, ...]:
    """Give VFs that have just been made to ``driver``; what undoes their making undoes this."""
    steps: list[Step] = [] if driver in loaded else [Run(("modprobe", driver), timeout=60)]
    for vf in vfs:
        override = f"{_BUS}/devices/{vf}/driver_override"
        steps.append(WriteAttribute(override, driver, undo=()))
        steps.append(WriteAttribute(f"{_BUS}/drivers_probe", vf, undo=()))
    return tuple(steps)


def settings_argv(interface: str, vf: VirtualFunction) -> tuple[str, ...]:
    """``ip link set`` for one VF (ip-link(8))."""
    argv = ["ip", "link", "set", "dev", interface, "vf", str(vf.index)]
    if vf.mac is not None:
        argv += ["mac", vf.mac]
    if vf.vlan is not None:
        argv += ["vlan", str(vf.vlan)]
    for name in ("spoofchk", "trust"):
        value = getattr(vf, name)
        if value is not None:
            argv += [name, "on" if value else "off"]
    return tuple(argv)


def differs(vf: VirtualFunction, seen: VfSettings | None) -> bool:
    """Whether something declared is not so; unknown counts as different."""
    names = ("mac", "vlan", "trust", "spoofchk")
    wanted = {name: getattr(vf, name) for name in names if getattr(vf, name) is not None}
    return any(seen is None or getattr(seen, name) != value for name, value in wanted.items())


def rules(fabric: Fabric, ip: str) -> str:
    """The rules that make the same at every boot; ``ip`` is the path of ip(8)."""
    physical, spec = fabric.physical, fabric.spec
    if not spec.vfs:
        return ""
    address, autoprobe = str(physical.address), not fabric.for_guests
    ids = (physical.vendor, physical.device)
    if physical.base_class == "02":
        commands = [
            " ".join([ip, *settings_argv("$name", vf)[1:]]) for vf in spec.vf if vf_declares(vf)
        ]
        text = interface_rule(address, *ids, spec.vfs, autoprobe=autoprobe, commands=commands)
    else:
        text = count_rule(address, *ids, spec.vfs, autoprobe=autoprobe)
    known = addresses(fabric) if fabric.for_guests else ()
    return text + (driver_rule(known, spec.vf_driver) if known else "")


def vf_declares(vf: VirtualFunction) -> bool:
    """Whether a VF's table sets anything."""
    return any(getattr(vf, name) is not None for name in ("mac", "vlan", "trust", "spoofchk"))
