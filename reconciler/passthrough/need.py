"""Which tables of a spec need the IOMMU: what is for guests does, what keeps a driver of the host
does not."""

from __future__ import annotations

from collections.abc import Collection

from backends.pci.iommu import uses_kernel_dma
from specs.spec import HostSpec


def needing(spec: HostSpec) -> tuple[str, ...]:
    """The spec paths of these tables, devices first."""
    listed = {name for vm in spec.vm for name in vm.devices}
    devices = [
        f"device[{n}]"
        for n, table in enumerate(spec.device)
        if table.bind == "vm" or not uses_kernel_dma(table.driver) or _in(table.name, listed)
    ]
    fabrics = [
        f"sriov[{n}]"
        for n, table in enumerate(spec.sriov)
        if table.vfs and (not uses_kernel_dma(table.vf_driver) or _in(table.name, listed))
    ]
    return (*devices, *fabrics)


def _in(name: str, listed: Collection[str]) -> bool:
    """Whether a VM lists the device, or a single function of it (NAME.N)."""
    return any(name in (other, other.rpartition(".")[0]) for other in listed)
