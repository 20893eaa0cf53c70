"""udev rules (udev(7)) that make VFs at boot and give them to a driver.

A network function gets its VFs when its interface appears, so that ``ip`` can be told its final
name; any other when a driver has bound to it. A count that is not 0 is left alone: rules run again
whenever somebody triggers "add" events.
"""

from __future__ import annotations

from collections.abc import Sequence


def count_rule(address: str, vendor: str, device: str, count: int, *, autoprobe: bool) -> str:
    """VFs for a function that is no network card. Ids are four hex digits."""
    match = (
        f'ACTION=="add|bind", SUBSYSTEM=="pci", KERNEL=="{address}", DRIVER=="?*", '
        f'ATTR{{vendor}}=="0x{vendor}", ATTR{{device}}=="0x{device}", ATTR{{sriov_numvfs}}=="0"'
    )
    probe = f'ATTR{{sriov_drivers_autoprobe}}="{int(autoprobe)}"'
    return f'{match}, {probe}, ATTR{{sriov_numvfs}}="{count}"\n'


def interface_rule(
    address: str,
    vendor: str,
    device: str,
    count: int,
    *,
    autoprobe: bool,
    commands: Sequence[str] = (),
) -> str:
    """VFs for a network card, and ``commands`` (absolute program and arguments) after that, in
    which ``$name`` is the interface."""
    match = (
        f'ACTION=="add", SUBSYSTEM=="net", KERNELS=="{address}", '
        f'ATTR{{device/vendor}}=="0x{vendor}", ATTR{{device/device}}=="0x{device}", '
        'ATTR{device/sriov_numvfs}=="0"'
    )
    probe = f'ATTR{{device/sriov_drivers_autoprobe}}="{int(autoprobe)}"'
    runs = "".join(f', RUN+="{command}"' for command in commands)
    return f'{match}, {probe}, ATTR{{device/sriov_numvfs}}="{count}"{runs}\n'


def driver_rule(addresses: Sequence[str], driver: str) -> str:
    """VFs at these addresses go to ``driver`` as they appear: through drivers_probe if it is
    loaded, else when loading it makes the kernel look for devices."""
    names = "|".join(addresses)
    return (
        f'ACTION=="add", SUBSYSTEM=="pci", KERNEL=="{names}", ATTR{{driver_override}}="{driver}", '
        f'ATTR{{[subsystem/pci]drivers_probe}}="$kernel", RUN{{builtin}}+="kmod load {driver}"\n'
    )
