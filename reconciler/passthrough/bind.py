"""Binding and releasing functions of a running kernel: driver_override, unbind, probe, look."""

from __future__ import annotations

from collections.abc import Collection

from backends.pci import PciFunction
from backends.steps import Run, Step, WriteAttribute

_BUS = "/sys/bus/pci"


def bind_steps(function: PciFunction, driver: str, loaded: Collection[str]) -> tuple[Step, ...]:
    """Move a function to ``driver``.

    drivers_probe succeeds even when nothing binds; that the driver link moved is checked by
    looking again. Clearing driver_override takes a newline: an empty write reaches no driver.
    Source: Documentation/ABI/testing/sysfs-bus-pci.
    """
    address = str(function.address)
    base = f"{_BUS}/devices/{address}"
    old = function.driver_override or "\n"
    override = f"{base}/driver_override"
    back = ((override, old), (f"{_BUS}/drivers_probe", address))
    steps: list[Step] = []
    if driver not in loaded:
        steps.append(Run(("modprobe", driver), timeout=60))
    steps.append(WriteAttribute(override, driver, undo=back))
    if function.driver is not None:
        steps.append(WriteAttribute(f"{base}/driver/unbind", address, undo=()))
    unbind: tuple[tuple[str, str], ...] = ((f"{_BUS}/drivers/{driver}/unbind", address),)
    if function.driver is not None:
        # Named while the bus probes: vfio-pci may have been loaded with this id by now.
        unbind = ((override, function.driver), *unbind, (f"{_BUS}/drivers_probe", address))
    steps.append(WriteAttribute(f"{_BUS}/drivers_probe", address, undo=unbind))
    return tuple(steps)


def release_steps(
    function: PciFunction, bound: str, driver: str | None, loaded: Collection[str]
) -> tuple[Step, ...]:
    """Take a function from ``bound`` and give it back to ``driver``, or to none.

    Its module may not have been loaded since boot; then modprobe finds it by the function's own
    modalias, as udev does. The driver is named in driver_override while the bus probes: vfio-pci
    keeps the ids that it was loaded with until the next boot, and would take the function again.
    """
    address = str(function.address)
    base = f"{_BUS}/devices/{address}"
    override = f"{base}/driver_override"
    back = ((override, function.driver_override or "\n"),)
    steps: list[Step] = []
    if driver is not None and driver not in loaded:
        steps.append(Run(("modprobe", "--use-blacklist", "--quiet", function.modalias), 60))
    if driver is not None:
        steps.append(WriteAttribute(override, driver, undo=back))
    if function.driver == bound:
        again = ((f"{_BUS}/drivers/{bound}/bind", address),)
        steps.append(WriteAttribute(f"{base}/driver/unbind", address, undo=again))
    if driver is not None:
        away = ((f"{_BUS}/drivers/{driver}/unbind", address),)
        steps.append(WriteAttribute(f"{_BUS}/drivers_probe", address, undo=away))
    if driver is not None or function.driver_override is not None:
        steps.append(WriteAttribute(override, "\n", undo=back))
    return tuple(steps)
