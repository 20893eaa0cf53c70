"""The PCI functions behind the names that ``[[vm]] devices`` may list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backends.formats.domain_xml import Hostdev
from backends.pci import PciFunction
from reconciler.domains.wanted import Function, Functions
from reconciler.passthrough.record import SECTION, known
from reconciler.passthrough.select import Selection, find, select_all
from reconciler.resources.base import Context
from specs.device import Device
from specs.sriov import Sriov
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
    for index, sriov in enumerate(ctx.spec.sriov):
        physical, _ = find(f"sriov[{index}]", sriov, ctx.state.pci, identities)
        for number, address in enumerate(_virtual(physical, sriov)):
            managed = "any" if sriov.vf_driver.startswith("vfio") else "yes"
            found[f"{sriov.name}.{number}"] = (
                Function(Hostdev(str(address), managed), f"sriov[{index}]", _waits(ctx)),
            )
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
    managed = "yes" if device.bind == "vm" else "any"
    hostdev = Hostdev(
        str(function.address),
        managed,
        rom=None if image is None else image.file,
        rom_bar=None if image is None else image.bar,
    )
    return Function(hostdev, where, _waits(ctx))


def _waits(ctx: Context) -> bool:
    """Without an IOMMU no group is known, so no VM gets a function yet."""
    return not ctx.state.iommu.active


def _virtual(physical: Sequence[PciFunction], sriov: Sriov) -> Iterator[PciAddress]:
    """Addresses of the VFs, by number; of those to come by the physical function's offset and
    stride (PCIe Base Specification, "VF Discovery"; drivers/pci/iov.c)."""
    for function in physical:
        for number in range(sriov.vfs):
            if number < len(function.virtfns):
                yield function.virtfns[number]
            elif function.sriov is not None:
                yield routing_id(
                    function.address, function.sriov.offset, function.sriov.stride, number
                )


def routing_id(physical: PciAddress, offset: int, stride: int, number: int) -> PciAddress:
    """The address of a VF: bus, slot and function are one 16-bit number."""
    base = physical.bus << 8 | physical.slot << 3 | physical.function
    rid = base + offset + stride * number
    return PciAddress(physical.domain, rid >> 8 & 0xFF, rid >> 3 & 0x1F, rid & 7)
