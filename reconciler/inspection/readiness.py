"""What passthrough needs of a host: each check passes, fails, or cannot be told from here."""

from __future__ import annotations

from collections.abc import Sequence

from backends.libvirt.health import Health
from backends.pci.iommu import diagnose
from reconciler.budget.words import older
from reconciler.inspection import libvirt
from reconciler.inspection.model import Check, PciPart, Status, check
from reconciler.observe import HostState

_VM_HOST = "give it a processor of the host's kind (QEMU: -cpu host), with nesting switched on"


def readiness(state: HostState, pci: Sequence[PciPart], health: Health) -> tuple[Check, ...]:
    """Every check, in the order in which a person would go about it."""
    return (
        _virtualisation(state),
        _kvm(state),
        _firmware(state),
        _iommu(state),
        _remapping(state),
        _kernel(state),
        _vfio(state),
        _groups(state, pci),
        _boot_loader(state),
        _boot_entries(state),
        *libvirt.checks(state.libvirt, health),
    )


def _virtualisation(state: HostState) -> Check:
    flags = {"vmx": "Intel VT-x", "svm": "AMD-V"}
    found = next((flags[f] for f in flags if f in state.cpu.flags), None)
    if found is not None:
        return check("virtualization", "pass", f"the processor has {found}")
    if state.virt.kvm_device:
        return check("virtualization", "pass", "/dev/kvm is there")
    if not state.cpu.flags and not state.cpu.vendor:
        return check("virtualization", "unknown", "/proc/cpuinfo does not tell")
    if state.cpu.vendor.startswith("0x"):
        text = "an ARM processor does not tell in /proc/cpuinfo; /dev/kvm does"
        return check("virtualization", "unknown", text)
    where = _VM_HOST if state.iommu.virtual_machine else "enable VT-x or AMD-V in firmware setup"
    return check("virtualization", "fail", "the processor shows no VT-x and no AMD-V", where)


def _kvm(state: HostState) -> Check:
    if state.virt.kvm_device:
        module = f" ({state.virt.kvm_module})" if state.virt.kvm_module else ""
        return check("kvm", "pass", f"/dev/kvm is there{module}")
    if state.virt.kvm_device is None or not state.identity.boot_id:
        return check("kvm", "unknown", "this is no running system")
    module = "kvm_intel" if state.iommu.cpu_vendor == "GenuineIntel" else "kvm_amd"
    hint = f"modprobe {module}; the kernel log says why if that fails"
    return check("kvm", "fail", "there is no /dev/kvm", hint)


def _firmware(state: HostState) -> Check:
    """Whether firmware hands the IOMMU over: by its tables, or because one runs (device tree)."""
    name = "iommu-firmware"
    found = diagnose(state.iommu, state.pci)
    if state.iommu.tables:
        return check(name, "pass", f"firmware publishes {', '.join(state.iommu.tables)}")
    if found.status == "on":
        return check(name, "pass", "an IOMMU runs")
    status: Status = "fail" if state.iommu.shown else "unknown"
    return check(name, status, found.message, found.hint)


def _iommu(state: HostState) -> Check:
    found = diagnose(state.iommu, state.pci)
    if found.status == "on":
        return check("iommu", "pass", found.message)
    if not state.iommu.shown:
        return check("iommu", "unknown", "there are no IOMMU groups to look at", found.hint)
    if not state.iommu.tables:
        return check("iommu", "fail", "the kernel has no IOMMU to drive", "see iommu-firmware")
    hint = found.hint
    if found.status == "possible":
        hint = f"{hint}; reconcile does that as soon as a device is in the spec"
    return check("iommu", "fail", found.message, hint)


def _remapping(state: HostState) -> Check:
    name = "interrupt-remapping"
    if state.iommu.unsafe_interrupts:
        text = "allow_unsafe_interrupts is set: a guest may forge interrupts"
        hint = "take vfio_iommu_type1.allow_unsafe_interrupts=1 out where remapping works"
        return check(name, "fail", text, hint)
    if state.virt.remapping:
        return check(name, "pass", "interrupts are remapped")
    if state.virt.remapping is None:
        return check(name, "unknown", "the kernel does not show its interrupt controllers here")
    if not state.iommu.active:
        return check(name, "unknown", "it comes with the IOMMU, which is not on")
    text = "interrupts are not remapped: VFIO refuses devices without it"
    return check(name, "fail", text, "look for x2APIC and interrupt remapping in firmware setup")


def _kernel(state: HostState) -> Check:
    release = state.identity.kernel
    if not release:
        return check("kernel", "unknown", "no kernel runs here")
    if older(release, 5, 15):
        text = f"Linux {release} is older than 5.15, the oldest that is supported"
        return check("kernel", "fail", text, "boot a newer kernel")
    return check("kernel", "pass", f"Linux {release}")


def _vfio(state: HostState) -> Check:
    if state.vfio_builtin:
        return check("vfio", "pass", "vfio-pci is part of the kernel")
    said = {
        "loaded": "vfio-pci is loaded",
        "module": "vfio-pci is there as a module",
    }
    if text := said.get(state.virt.vfio):
        return check("vfio", "pass", text)
    if state.virt.vfio == "unknown":
        return check("vfio", "unknown", "the modules of the running kernel are not here")
    hint = "boot a distribution kernel that is not cut down (Debian: not the cloud flavour)"
    return check("vfio", "fail", "this kernel has no vfio-pci", hint)


def _groups(state: HostState, pci: Sequence[PciPart]) -> Check:
    """Isolated well enough: some endpoint that the host can spare is alone, or can go with its
    neighbours."""
    if not state.iommu.active:
        text = "there are no IOMMU groups before the IOMMU is on"
        return check("groups", "unknown", text if state.iommu.shown else "no groups are shown here")
    ends = [p for p in pci if not p.plumbing]
    free = [p for p in ends if p.assignable.answer in ("yes", "with")]
    if "pcie_acs_override" in " ".join(state.iommu.arguments):
        text = "pcie_acs_override splits groups that the hardware does not isolate"
        return check("groups", "fail", text, "use another slot, and remove that argument")
    text = f"{len(free)} of {len(ends)} devices can be given away"
    unknown = [p for p in pci if p.assignable.answer == "unknown"]
    if unknown and not free:
        return check("groups", "unknown", f"cannot be told of {len(unknown)} devices")
    if free:
        return check("groups", "pass", text)
    hint = "a card in another slot, or a newer firmware (AGESA), may have a group of its own"
    return check("groups", "fail", text, hint)


def _boot_loader(state: HostState) -> Check:
    found = [p for p in state.boot.problems if p.refuse]
    if found:
        text = "; ".join(p.message for p in found)
        hint = "; ".join(p.hint for p in found if p.hint)
        unknown = all(p.code == "bootloader-unknown" for p in found)
        return check("bootloader", "unknown" if unknown else "fail", text, hint)
    evidence = f" ({', '.join(state.boot.evidence)})" if state.boot.evidence else ""
    return check("bootloader", "pass", f"{state.boot.loader}{evidence}")


def _boot_entries(state: HostState) -> Check:
    """Whether what runs, what boots next and what is configured agree."""
    boot = state.boot
    name = "boot-configuration"
    normal = boot.normal()
    if not normal:
        return check(name, "unknown", "no boot entries were found")
    wanted = boot.configured
    if wanted is not None and any(not set(wanted) <= set(e.args) for e in normal):
        text = "some boot entries lack arguments that are configured"
        return check(name, "fail", text, "reconcile --apply makes the boot entries again")
    first = next((e for e in normal if e.default), normal[0])
    if boot.running and set(first.args) != set(boot.running):
        text = "the next boot has another kernel command line than the running one"
        return check(name, "pass", text)
    if wanted is None:
        return check(name, "pass", f"entries as running; configured: {boot.configured_gap}")
    return check(name, "pass", "running, configured and next agree")
