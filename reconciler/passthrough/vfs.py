"""Virtual functions: which physical function makes how many, and whether that may change now."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from backends.pci import PciFunction, vf_addresses
from backends.pci.iommu import uses_kernel_dma
from reconciler.context import Context
from reconciler.model import Finding, refuse, warn
from reconciler.passthrough import record
from reconciler.passthrough.held import held
from reconciler.passthrough.safety import blockers, function_uses
from reconciler.passthrough.select import find
from specs.record import Record
from specs.values import PciAddress

if TYPE_CHECKING:
    from specs.sriov import Sriov


class Fabric(Record):
    """One ``[[sriov]]`` table and the physical function that it selects here."""

    index: int
    spec: Sriov
    physical: PciFunction

    @property
    def where(self) -> str:
        """The spec path."""
        return f"sriov[{self.index}]"

    @property
    def addresses(self) -> tuple[PciAddress, ...]:
        """Where the wanted VFs are, or will be; empty where that is not known yet."""
        return vf_addresses(self.physical, self.spec.vfs)

    @property
    def for_guests(self) -> bool:
        """Whether the VFs go to a driver for VMs rather than to one of the host."""
        return not uses_kernel_dma(self.spec.vf_driver)

    @property
    def num(self) -> int:
        """How many there are now."""
        return self.physical.sriov.num if self.physical.sriov else 0


def fabrics(ctx: Context) -> tuple[tuple[Fabric, ...], tuple[Finding, ...]]:
    """Every table whose function was found, and why the others were not."""
    found: list[Fabric] = []
    findings: list[Finding] = []
    identities = record.known(ctx.owned.section(record.SECTION))
    for index, spec in enumerate(ctx.spec.sriov):
        where = f"sriov[{index}]"
        functions, finding = find(where, spec, ctx.state.pci, identities)
        if finding is not None:
            findings.append(finding)
        elif functions[0].address in {f.physical.address for f in found}:
            text = f"{functions[0].address} is selected by another [[sriov]] table as well"
            findings.append(refuse("device-ambiguous", where, text, "leave one of them"))
        else:
            found.append(Fabric(index, spec, functions[0]))
    return tuple(found), tuple(findings)


def findings(ctx: Context, fabric: Fabric, given: Collection[PciAddress]) -> Iterator[Finding]:
    """Why VFs cannot be made, or not without harm. ``given`` are functions that leave the host."""
    physical = fabric.physical
    yield from _capability(fabric)
    if physical.address in given:
        text = f"{physical.address} is given away as a device: its VFs would go with it"
        yield refuse("device-not-assignable", fabric.where, text, "leave it out of [[device]]")
    if fabric.spec.vfs and physical.sriov is not None:
        yield from _driver(fabric)
    if fabric.num != fabric.spec.vfs:
        yield from _in_use(ctx, fabric)
        yield from _reachability(ctx, fabric)
    elif fabric.for_guests:
        for vf in present(ctx, physical):
            yield from function_uses(fabric.where, vf, ctx.state.needs)
    yield from _groups(ctx, fabric)
    if fabric.for_guests and 0 < fabric.spec.vfs <= _total(fabric) and not fabric.addresses:
        yield _not_placed(fabric)


def _not_placed(fabric: Fabric) -> Finding:
    """Some cards set First VF Offset when VFs are enabled (PCI Express Base, SR-IOV)."""
    text = f"{fabric.physical.address} does not say yet where its VFs will be (sriov_offset)"
    hint = "apply makes them; the same command again gives them to their driver and to VMs"
    return warn("vfs-not-placed", fabric.where, text, hint)


def _total(fabric: Fabric) -> int:
    """How many VFs the card offers."""
    return fabric.physical.sriov.total if fabric.physical.sriov else 0


def _capability(fabric: Fabric) -> Iterator[Finding]:
    physical, wanted, total = fabric.physical, fabric.spec.vfs, _total(fabric)
    if wanted > total and not total:
        text = f"{physical.address} ({physical.id}) offers no virtual functions"
        hint = "switch SR-IOV on in firmware setup, and in the card's own (mlxconfig SRIOV_EN)"
        yield refuse("vfs-exceed-total", fabric.where, text, hint)
    elif wanted > total:
        text = f"{physical.address} offers {total} virtual functions (sriov_totalvfs), not {wanted}"
        hint = f"at most vfs = {total}; some cards offer more by their own setup (NUM_OF_VFS)"
        yield refuse("vfs-exceed-total", f"{fabric.where}.vfs", text, hint)


def _driver(fabric: Fabric) -> Iterator[Finding]:
    """drivers/pci/iov.c asks the physical function's driver, which must be one of the host."""
    driver = fabric.physical.driver
    if driver is None or (not uses_kernel_dma(driver) and fabric.num != fabric.spec.vfs):
        text = f"{fabric.physical.address} has {driver or 'no driver'}: it makes no VFs"
        hint = "give it its own driver back first (its module, or driver_override)"
        yield refuse("pf-without-driver", fabric.where, text, hint)


def users(ctx: Context, functions: Iterable[PciFunction]) -> list[str]:
    """Who uses these VFs, in words: the host, or a VM."""
    found = []
    for vf in functions:
        uses = ctx.state.needs.of(vf.address)
        if uses:
            found.append(f"{vf.address}: {', '.join(map(str, uses))}")
        elif why := held(ctx, vf):
            found.append(f"{vf.address}: {why}")
    return found


def present(ctx: Context, physical: PciFunction) -> tuple[PciFunction, ...]:
    """The VFs that exist."""
    functions = (ctx.state.pci.get(address) for address in physical.virtfns)
    return tuple(f for f in functions if f is not None)


def _in_use(ctx: Context, fabric: Fabric) -> Iterator[Finding]:
    """A count changes only through 0, which takes every VF away."""
    in_use = users(ctx, present(ctx, fabric.physical))
    if in_use:
        text = (
            f"{fabric.num} VFs would become {fabric.spec.vfs} by way of none, "
            f"and some are in use: {'; '.join(in_use)}"
        )
        hint = "stop what uses them first, or keep the number"
        yield refuse("vfs-in-use", fabric.where, text, hint)


def _reachability(ctx: Context, fabric: Fabric) -> Iterator[Finding]:
    uses = ctx.state.needs.of(fabric.physical.address, critical=True)
    links = [u for u in uses if u.kind in ("default-route", "only-address", "session")]
    if links:
        text = f"{fabric.physical.address} carries {links[0]}: making VFs can drop the link"
        yield warn("pf-carries-link", fabric.where, text, "have another way in at hand")


def _groups(ctx: Context, fabric: Fabric) -> Iterator[Finding]:
    """VFs are isolated from one another where the card and the ports above have ACS."""
    vfs = present(ctx, fabric.physical) if fabric.for_guests else ()
    ours = {vf.address for vf in vfs}
    for vf in vfs:
        blocking = blockers(vf, ours, ctx.state.iommu, ctx.state.pci)
        if blocking:
            named = ", ".join(str(f.address) for f in blocking)
            text = f"{vf.address} shares IOMMU group {vf.iommu_group} with {named}"
            yield refuse("group-not-viable", fabric.where, text, "put the card into another slot")
            return


def addresses(fabric: Fabric) -> Sequence[str]:
    """The wanted VFs' addresses as text."""
    return [str(address) for address in fabric.addresses]
