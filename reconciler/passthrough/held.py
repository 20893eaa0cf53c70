"""Which running VM has a function open: libvirt tells it, the kernel tells how many there are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from backends.libvirt import LibvirtState
from backends.pci import PciFunction
from backends.pci.iommu import MANAGED_DMA, uses_kernel_dma
from reconciler.context import Context


def held(ctx: Context, function: PciFunction) -> str:
    """Why a function cannot be taken from vfio-pci now; empty if it can.

    The kernel would wait until the VM closes it, and ask the guest to give it up
    (drivers/vfio/vfio_main.c, vfio_unregister_group_dev). Programs other than libvirt may have
    functions open as well: if the kernel counts more users than libvirt knows of, any may be meant.
    """
    driver = function.driver
    if driver is None or uses_kernel_dma(driver) or driver in MANAGED_DMA:
        return ""
    known = by_running_domains(ctx.state.libvirt)
    number = -1 if function.iommu_group is None else function.iommu_group
    group = ctx.state.iommu.groups.get(number)
    # While a guest owns the group no member gets a host driver: iommu_device_use_default_domain.
    for member in (function.address, *(group.members if group else ())):
        if domain := known.get(str(member)):
            what = "it" if member == function.address else f"{member} of its IOMMU group"
            return f"the running VM {domain} has {what}"
    users = ctx.state.iommu.vfio_users
    if users is None:
        told = ctx.state.libvirt.available
        return "" if told else f"{driver} does not tell whether a VM has it open"
    more = users - len(known)
    return f"a running VM may have it: vfio-pci has {users} open functions" if more > 0 else ""


@lru_cache(maxsize=2)
def by_running_domains(libvirt: LibvirtState) -> Mapping[str, str]:
    """Address → name of the running domain that has the function."""
    from backends.formats.domain_xml import hostdevs

    running = [d for d in libvirt.domains if d.active and d.live]
    return {address: d.name for d in running for address in hostdevs(d.live or "")}
