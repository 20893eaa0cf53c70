"""The PCI functions behind the names that ``[[vm]] devices`` may list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from backends.formats.domain_xml import Hostdev
from backends.pci import PciFunction
from reconciler.context import Context
from reconciler.domains.wanted import Function, Functions
from reconciler.passthrough import vfs
from reconciler.passthrough.record import SECTION, known
from reconciler.passthrough.select import Selection, select_all
from reconciler.passthrough.vfs import Fabric
from specs.device import Device
from specs.values import PciAddress


def functions(ctx: Context) -> Functions:
    """Each device and VF of the spec that this host has.

    A function bound from boot on needs no managed mode and works with it: what a domain has is
    left; one that the host keeps until the VM starts must be managed (libvirt formatdomain).
    """
    identities = known(ctx.owned.section(SECTION))
    selections, _ = select_all(ctx.spec.device, ctx.state.pci, identities)
    found: dict[str, tuple[Function, ...]] = {}
    own = {f.address for s in selections for f in s.functions}
    for selection in selections:
        found |= _device(ctx, selection, own)
    for fabric in vfs.fabrics(ctx)[0]:
        found.update(_virtual(ctx, fabric))
    return found


def _device(
    ctx: Context, selection: Selection, own: set[PciAddress]
) -> dict[str, tuple[Function, ...]]:
    """By the device's name all its functions, with the siblings that are no device themselves;
    by NAME.N the single ones."""
    device, where = selection.spec, selection.where
    alone = [_function(ctx, f, device, where, rom=not n) for n, f in _numbered(selection.functions)]
    along = [
        _function(ctx, f, device, where, rom=False)
        for f in selection.siblings
        if f.address not in own and not f.is_bridge
    ]
    single = {f"{device.name}.{number}": (one,) for number, one in enumerate(alone)}
    return {device.name: (*alone, *along), **single}


def _numbered(functions: Sequence[PciFunction]) -> Iterator[tuple[int, PciFunction]]:
    return enumerate(sorted(functions, key=lambda f: f.address))


def _function(
    ctx: Context, function: PciFunction, device: Device, where: str, *, rom: bool
) -> Function:
    """The ROM is that of the first function: a card has one."""
    image = device.rom if rom else None
    together = device.multifunction and function.physfn is None
    managed = "yes" if device.bind == "vm" else "any"
    hostdev = Hostdev(
        str(function.address),
        managed,
        rom=None if image is None else image.file,
        rom_bar=None if image is None else image.bar,
        card=function.card if together else None,
    )
    return Function(hostdev, where, _waits(ctx))


def _waits(ctx: Context) -> bool:
    """Without an IOMMU no group is known, so no VM gets a function yet."""
    return not ctx.state.iommu.active


def _virtual(ctx: Context, fabric: Fabric) -> Iterable[tuple[str, tuple[Function, ...]]]:
    """VFs by number. The host lends those that keep a driver of its own."""
    managed = "any" if fabric.for_guests else "yes"
    made_by = (f"sriov:{fabric.physical.address}",)
    for number, address in enumerate(fabric.addresses):
        hostdev = Hostdev(str(address), managed)
        function = Function(hostdev, fabric.where, _waits(ctx), made_by)
        yield f"{fabric.spec.name}.{number}", (function,)
