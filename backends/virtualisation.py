"""What this host has for running VMs with devices: KVM, VFIO, interrupt remapping.

Sources: ABI/testing/sysfs-kernel-irq (chip_name), arch/x86/kernel/apic/io_apic.c and msi.c of the
kernel (names that begin with IR- are remapped), Documentation/driver-api/vfio.rst.
"""

from __future__ import annotations

from backends.reader import Reader
from specs.record import Record

IRQS = "/sys/kernel/irq"
_PROBED = 24  # the IO-APIC's lines: one of them is enough to tell


class VirtState(Record):
    """``kvm_device`` None: there is no /dev to look into. ``kvm_module`` is kvm_intel, kvm_amd or
    empty; ``vfio`` says how vfio-pci is there: loaded, module, missing, or unknown; ``remapping``
    None: the kernel does not show it."""

    kvm_device: bool | None
    kvm_module: str
    vfio: str
    remapping: bool | None


def observe_virtualisation(reader: Reader, kernel: str) -> VirtState:
    """A few names in /sys, /dev and the running kernel's module folder."""
    modules = (m for m in ("kvm_intel", "kvm_amd") if reader.exists(f"/sys/module/{m}"))
    return VirtState(
        kvm_device=reader.exists("/dev/kvm") if reader.exists("/dev") else None,
        kvm_module=next(modules, ""),
        vfio=_vfio(reader, kernel),
        remapping=_remapping(reader),
    )


def _vfio(reader: Reader, kernel: str) -> str:
    if reader.exists("/sys/module/vfio_pci"):
        return "loaded"
    home = f"/lib/modules/{kernel}"
    if not kernel or not reader.exists(home):
        return "unknown"
    names = reader.list(f"{home}/kernel/drivers/vfio/pci")
    return "module" if any(n.startswith("vfio-pci.ko") for n in names) else "missing"


def _remapping(reader: Reader) -> bool | None:
    """By the first interrupt of an IO-APIC or of a PCI message; None where there is none."""
    numbers = sorted(int(n) for n in reader.list(IRQS) if n.isdecimal())
    for number in numbers[:_PROBED]:
        name = (reader.read_text(f"{IRQS}/{number}/chip_name", optional=True) or "").strip()
        if name.endswith("IO-APIC") or "PCI-MSI" in name:
            return name.startswith("IR-")
    return None
