"""udev rules (udev(7)) that give one function to one driver before any module is loaded for it."""

from __future__ import annotations

from backends.pci import PciFunction

# How a rule tells that it runs in an initramfs: systemd's (dracut, mkinitcpio), initramfs-tools'.
_INITRAMFS = ("/etc/initrd-release", "/conf/initramfs.conf")


def driver_override_rule(
    function: PciFunction, driver: str, *, taken_from: str | None = None
) -> str:
    """Rule lines. They name the ids too: a function that was renumbered is left alone.

    Rules before 80-drivers.rules run before modules are loaded by modalias. If the driver is
    loaded already, writing driver_override alone binds nothing: drivers_probe does; if not, the
    kernel looks for devices when it is loaded.

    ``taken_from`` is a driver that is built into the kernel, and so had the function before any
    rule. It is unbound in the initramfs only, where nothing can be using the function yet: later,
    "add" events are repeated by whoever triggers them.
    """
    match = (
        f'ACTION=="add", SUBSYSTEM=="pci", KERNEL=="{function.address}", '
        f'ATTR{{vendor}}=="0x{function.vendor}", ATTR{{device}}=="0x{function.device}"'
    )
    override = f'ATTR{{driver_override}}="{driver}"'
    probe = 'ATTR{[subsystem/pci]drivers_probe}="$kernel"'
    load = f'RUN{{builtin}}+="kmod load {driver}"'
    if taken_from is None:
        return f"{match}, {override}, {probe}, {load}\n"
    unbind = f'DRIVER=="{taken_from}", ATTR{{driver/unbind}}="$kernel"'
    lines = [f'{match}, TEST=="{place}", {unbind}' for place in _INITRAMFS]
    return "".join(
        f"{line}\n" for line in (f"{match}, {override}", *lines, f"{match}, {probe}, {load}")
    )
