"""Systems whose boot configuration belongs to something else: named, with the command there."""

from __future__ import annotations

from backends.bootloader.state import BootProblem
from backends.formats.shell import assign as shell_assign
from backends.reader import Reader

# Tools that other backends run, and the file that says that they own the entries.
_TOOLS = (("proxmox-boot-tool", "/etc/kernel/proxmox-boot-uuids"),)


def unsupported(reader: Reader) -> BootProblem | None:
    """Why kernel arguments of this system must not be edited in place, or None.

    Sources: systemd-detect-virt(1) (/run/systemd/container), rpm-ostree(1) kargs, NixOS manual,
    transactional-update(8), Proxmox VE administration guide (Host Bootloader), kernelstub(1),
    openSUSE's perl-bootloader and sdbootutil, Xen's 20_linux_xen.
    """
    if reader.exists("/run/systemd/container") or reader.exists("/.dockerenv"):
        return _problem("this is a container: its kernel belongs to the host", "run it on the host")
    if reader.exists("/run/ostree-booted") or reader.exists("/ostree/repo"):
        return _problem(
            "ostree deployments own the kernel arguments here",
            "run rpm-ostree kargs with --append-if-missing= for each of: ARGS "
            "(bootc: a file in /usr/lib/bootc/kargs.d of the image)",
        )
    if os_release(reader).get("ID") == "nixos":
        return _problem(
            "NixOS generates its boot entries",
            "add ARGS to boot.kernelParams in configuration.nix and run: nixos-rebuild boot",
        )
    return _xen(reader) or _owned_by_a_tool(reader)


def _owned_by_a_tool(reader: Reader) -> BootProblem | None:
    """Tools that write the entries anew from a source of their own."""
    missing = next((tool for tool, sign in _TOOLS if _lacks(reader, tool, sign)), None)
    if missing:
        return _problem(
            f"{missing} writes the boot entries here, but its program is not installed",
            f"install {missing}",
        )
    if reader.exists("/run/mnt/ubuntu-boot"):
        return _problem(
            "snapd seals the kernel and its arguments here (Ubuntu with a TPM)",
            "its gadget snap allows arguments or does not: snap set system system.kernel."
            'cmdline-append="ARGS"',
        )
    if loader_type(reader) == "none":
        return _problem(
            "LOADER_TYPE=none in /etc/sysconfig/bootloader: nobody is to manage the boot loader",
            "set it to the loader that is there (grub2-efi, say), or add by hand: ARGS",
        )
    if reader.exists("/usr/sbin/transactional-update") and _read_only_root(reader):
        return _problem(
            "the root file system is read-only and transactional",
            "run reconcile inside: transactional-update shell",
        )
    return None


def _xen(reader: Reader) -> BootProblem | None:
    """In dom0 the IOMMU is the hypervisor's: VFIO has none, and intel_iommu= would do nothing."""
    if "control_d" not in (reader.read_text("/proc/xen/capabilities", optional=True) or ""):
        return None
    return _problem(
        "this system runs on the Xen hypervisor, which owns the IOMMU",
        "boot the entry without Xen; or pass devices through with Xen itself: "
        "GRUB_CMDLINE_XEN_DEFAULT in /etc/default/grub and xl pci-assignable-add",
    )


def loader_type(reader: Reader) -> str | None:
    """/etc/sysconfig/bootloader of openSUSE says which loader update-bootloader serves."""
    text = reader.read_text("/etc/sysconfig/bootloader")
    return shell_assign.evaluate([text], "LOADER_TYPE").text if text else None


def _lacks(reader: Reader, tool: str, sign: str) -> bool:
    return reader.exists(sign) and not _program(reader, tool)


def _program(reader: Reader, name: str) -> bool:
    return any(reader.exists(f"{folder}/{name}") for folder in ("/usr/bin", "/usr/sbin"))


def _problem(message: str, hint: str) -> BootProblem:
    return BootProblem("bootloader-unsupported", message, hint, where="boot.loader")


def os_release(reader: Reader) -> dict[str, str]:
    """os-release(5) as a dict; values unquoted as a shell would for the forms it allows."""
    text = reader.read_text("/etc/os-release") or reader.read_text("/usr/lib/os-release") or ""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}


def _read_only_root(reader: Reader) -> bool:
    mounts = reader.read_text("/proc/self/mounts") or ""
    roots = [line.split() for line in mounts.splitlines() if line.split()[1:2] == ["/"]]
    return bool(roots) and "ro" in roots[-1][3].split(",")
