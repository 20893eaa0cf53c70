"""Moving functions between drivers now: when that is safe, and what undoes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backends.pci import PciFunction
from backends.pci.iommu import uses_kernel_dma
from reconciler.context import Context
from reconciler.model import GONE, Change, Claim, Effective, Finding, Pending, note
from reconciler.passthrough.bind import bind_steps, release_steps
from reconciler.passthrough.held import held
from reconciler.passthrough.record import SECTION
from reconciler.passthrough.safety import is_denied
from specs.record import replace
from specs.values import PciAddress

# At most one change, or what is pending and a note on why.
Move = tuple[Change | None, Pending | None, Finding | None]


def obstacle(ctx: Context, function: PciFunction) -> str:
    """Why a function cannot leave its driver now; empty if it can."""
    state = ctx.state
    uses = state.needs.of(function.address)
    if uses:
        return f"it is in use now: {', '.join(map(str, uses))}"
    return held(ctx, function)


def bind(
    ctx: Context,
    function: PciFunction,
    driver: str,
    because: str,
    claim: Claim,
    requires: frozenset[str],
) -> Move:
    """The change that moves a function to ``driver`` now; or what is pending, and why."""
    address = str(function.address)
    pending = Pending(address, driver, function.driver or "no driver", Effective.REBOOT)
    if not ctx.state.iommu.active and not uses_kernel_dma(driver):
        return None, pending, None  # groups-unknown says so
    why = obstacle(ctx, function)
    if driver == "vfio-pci" and is_denied(function, ctx.state.boot.running):
        why = "vfio-pci takes it when disable_denylist is on its command line"
    if why:
        text = f"{address} goes to {driver} at the next boot, not now: {why}"
        return None, pending, note("bind-at-reboot", because, text)
    steps = bind_steps(function, driver, ctx.state.pci_drivers)
    change = _driver(address, function.driver, driver, because, claim)
    return replace(change, steps=steps, requires=requires), None, None


def release(
    ctx: Context,
    address: str,
    record: Mapping[str, Any],
    requires: frozenset[str],
    section: str = SECTION,
) -> Move:
    """Give back a function that reconcile had taken and that the spec no longer names."""
    function = ctx.state.pci.get(PciAddress.parse(address))
    driver = None if record.get("driver") is None else str(record["driver"])
    bound = str(record.get("bound", "vfio-pci"))
    if function is None or function.id != record.get("id"):
        return give_up(address, "hardware that is gone", section), None, None
    if bound not in (function.driver, function.driver_override) or bound == driver:
        return give_up(address, "nothing of it left", section), None, None
    why = obstacle(ctx, function) if function.driver == bound else ""
    if why:
        pending = Pending(address, driver or "no driver", str(function.driver), Effective.REBOOT)
        text = f"{address} goes back to {driver or 'no driver'} at the next boot, not now: {why}"
        return None, pending, note("release-at-reboot", address, text)
    steps = release_steps(function, bound, driver, ctx.state.pci_drivers)
    change = _driver(address, function.driver, driver, GONE, Claim(section, address, None))
    return replace(change, steps=steps, requires=requires), None, None


def give_up(
    address: str, before: str, section: str, requires: frozenset[str] = frozenset()
) -> Change:
    """The change that only forgets what is known of a function."""
    change = _driver(address, before, None, GONE, Claim(section, address, None))
    return replace(change, field="record", requires=requires)


def _driver(
    address: str, before: str | None, after: str | None, because: str, claim: Claim
) -> Change:
    return Change(
        id=f"driver:{address}",
        kind="driver",
        object=address,
        field="driver",
        before=before,
        after=after,
        because=because,
        steps=(),
        claims=(claim,),
    )
