"""What libvirt's system daemon does about locked memory of its own VMs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.budget.demand import VmDemand
from reconciler.budget.words import count, size
from reconciler.model import Finding, note

_MMIO_KIB = 1024 * 1024  # for the memory of the devices themselves


def libvirt_findings(vms: Sequence[VmDemand]) -> Iterator[Finding]:
    """A note for each VM whose memory is locked or pinned: what it may lock, with no file."""
    for vm in vms:
        if said := _limit(vm):
            message = f"libvirt lets {vm.name} lock {said}, without any file"
            yield note("memlock-libvirt", vm.where, message)


def _limit(vm: VmDemand) -> str:
    """As qemuDomainGetMemLockLimitBytes has it (libvirt 11, src/qemu/qemu_domain.c): the hard
    limit; without end for locked memory; else the memory and 1 GiB, behind a virtual IOMMU the
    memory once for each device."""
    if vm.hard_limit_kib is not None:
        return f"{size(vm.hard_limit_kib)}, its hard_limit"
    if vm.locked:
        return "as much as it wants, since its memory is locked"
    if not vm.passthrough or vm.memory_kib is None:
        return ""
    times = vm.passthrough if vm.viommu else 1
    what = f"its {size(vm.memory_kib)}" + (f" {times} times" if times > 1 else "")
    total = size(vm.memory_kib * times + _MMIO_KIB)
    return f"{total}: {what} and 1G for its {count(vm.passthrough, 'device')}"
