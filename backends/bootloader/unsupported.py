"""Systems whose boot configuration belongs to something else: named, with the command there."""

from __future__ import annotations

from backends.bootloader.state import BootProblem
from backends.reader import Reader


def unsupported(reader: Reader) -> BootProblem | None:
    """Why kernel arguments of this system must not be edited in place, or None.

    Sources: systemd-detect-virt(1) (/run/systemd/container), rpm-ostree(1) kargs, NixOS manual,
    transactional-update(8).
    """
    if reader.exists("/run/systemd/container") or reader.exists("/.dockerenv"):
        return _problem("this is a container: its kernel belongs to the host", "run it on the host")
    if reader.exists("/run/ostree-booted") or reader.exists("/ostree/repo"):
        return _problem(
            "ostree deployments own the kernel arguments here",
            "use: rpm-ostree kargs --append=ARG (bootc: a file in /usr/lib/bootc/kargs.d)",
        )
    if os_release(reader).get("ID") == "nixos":
        return _problem(
            "NixOS generates its boot entries",
            "set boot.kernelParams in configuration.nix and run: nixos-rebuild boot",
        )
    if reader.exists("/usr/sbin/transactional-update") and _read_only_root(reader):
        return _problem(
            "the root file system is read-only and transactional",
            "run reconcile inside: transactional-update shell",
        )
    return None


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
