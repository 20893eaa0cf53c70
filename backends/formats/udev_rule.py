"""udev rules (udev(7)) that give one function to one driver before any module is loaded for it."""

from __future__ import annotations

from backends.pci import PciFunction


def driver_override_rule(function: PciFunction, driver: str) -> str:
    """One rule line. It names the ids too: a function that was renumbered is left alone.

    Rules before 80-drivers.rules run before modules are loaded by modalias. If the driver is
    loaded already, writing driver_override alone binds nothing: drivers_probe does; if not, the
    kernel looks for devices when it is loaded.
    """
    match = (
        f'ACTION=="add", SUBSYSTEM=="pci", KERNEL=="{function.address}", '
        f'ATTR{{vendor}}=="0x{function.vendor}", ATTR{{device}}=="0x{function.device}"'
    )
    probe = 'ATTR{[subsystem/pci]drivers_probe}="$kernel"'
    load = f'RUN{{builtin}}+="kmod load {driver}"'
    return f'{match}, ATTR{{driver_override}}="{driver}", {probe}, {load}\n'
