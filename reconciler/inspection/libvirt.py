"""libvirt and what its VMs need of the host's accounts: daemons, confinement, failed starts."""

from __future__ import annotations

from collections.abc import Iterator

from backends.accounts import Account
from backends.libvirt.health import DAEMONS, Health
from backends.libvirt.state import LibvirtState
from reconciler.inspection.model import Check, check

# Whom packages let QEMU run as: Debian and Ubuntu, then Fedora, SUSE and Arch.
_QEMU_USERS = ("libvirt-qemu", "qemu")


def checks(libvirt: LibvirtState, health: Health) -> Iterator[Check]:
    """Every check that is about libvirt."""
    yield _connection(libvirt)
    yield _daemons(health)
    yield _qemu_user(libvirt)
    yield _kvm_group(libvirt, health)
    yield _libvirt_group(health)
    yield _confinement(libvirt)
    yield _starts(libvirt, health)
    yield _memlock(libvirt)


def _connection(libvirt: LibvirtState) -> Check:
    if libvirt.available:
        text = f"libvirt {libvirt.version}, {len(libvirt.domains)} domains"
        return check("libvirt", "pass", text)
    asked = libvirt.reason == "not-asked"
    hint = {
        "not-asked": "reconcile --inspect --connect qemu:///system",
        "no-virsh": "install libvirt-clients",
        "no-daemon": "install and start libvirt (libvirtd.service, or virtqemud.socket)",
        "hung": "systemctl restart libvirtd (or virtqemud): running VMs go on",
        "denied": "run as root, or join the libvirt group",
    }.get(libvirt.reason, "")
    return check("libvirt", "unknown" if asked else "fail", libvirt.message, hint)


def _daemons(health: Health) -> Check:
    """One of the two kinds of daemon, and none that systemd has given up."""
    name = "libvirt-daemon"
    if health.units is None:
        return check(name, "unknown", "systemd cannot be asked here")
    failed = [unit for unit in health.units if unit.state == "failed"]
    if failed:
        text = ", ".join(f"{unit.name} failed ({unit.result})" for unit in failed)
        return check(name, "fail", text, f"journalctl -b -u {failed[0].name}")
    running = [d for d in DAEMONS if _is(health, f"{d}.service")]
    if len(running) > 1:
        text = "libvirtd and virtqemud both run, over the same VMs"
        hint = "keep one: systemctl disable --now libvirtd.service libvirtd.socket"
        return check(name, "fail", text, hint)
    if running:
        return check(name, "pass", f"{running[0]}.service runs")
    if listening := [d for d in DAEMONS if _is(health, f"{d}.socket")]:
        return check(name, "pass", f"{listening[0]}.socket listens, and starts it when asked")
    if not any(health.unit(f"{d}.service") for d in DAEMONS):
        return check(name, "unknown", "no unit of libvirt is installed")
    there = next(d for d in DAEMONS if health.unit(f"{d}.service"))
    text = f"neither {there}.service nor {there}.socket is active"
    return check(name, "fail", text, f"systemctl enable --now {there}.socket")


def _is(health: Health, name: str) -> bool:
    unit = health.unit(name)
    return unit is not None and unit.state in ("active", "activating", "reloading")


def _qemu_user(libvirt: LibvirtState) -> Check:
    """Whom a guest becomes that breaks out of QEMU."""
    user = libvirt.qemu_user
    if not libvirt.available:
        return check("qemu-user", "unknown", "libvirt is asked for it")
    if user is None:
        return check("qemu-user", "unknown", "libvirt does not say which user QEMU runs as")
    if user == 0:
        hint = 'user = "libvirt-qemu" (Debian) or "qemu" in /etc/libvirt/qemu.conf'
        return check("qemu-user", "fail", "QEMU runs as root", hint)
    return check("qemu-user", "pass", f"QEMU runs as user {user}, not as root")


def _kvm_group(libvirt: LibvirtState, health: Health) -> Check:
    """Whether QEMU's user may open /dev/kvm."""
    user = _qemu_account(libvirt, health)
    if health.kvm is None:
        return check("kvm-group", "unknown", "there is no /dev/kvm to open")
    gid, mode = health.kvm
    if mode & 0o006 == 0o006:
        return check("kvm-group", "pass", "everybody may open /dev/kvm")
    if user is None:
        return check("kvm-group", "unknown", "the user that QEMU runs as has no account here")
    if user.uid == 0 or (gid in user.gids and mode & 0o060 == 0o060):
        return check("kvm-group", "pass", f"{user.name} may open /dev/kvm")
    text = f"{user.name}, whom QEMU runs as, may not open /dev/kvm"
    return check("kvm-group", "fail", text, f"usermod -aG kvm {user.name}, then restart libvirt")


def _qemu_account(libvirt: LibvirtState, health: Health) -> Account | None:
    if health.accounts is None:
        return None
    if libvirt.qemu_user is not None:
        return health.accounts.user(libvirt.qemu_user)
    found = (health.accounts.user(name) for name in _QEMU_USERS)
    return next((user for user in found if user is not None), None)


def _libvirt_group(health: Health) -> Check:
    """Who may use the system's VMs without becoming root."""
    name = "libvirt-group"
    if health.accounts is None:
        return check(name, "unknown", "accounts cannot be read here")
    if "libvirt" not in health.accounts.groups:
        return check(name, "unknown", "there is no group libvirt")
    members = health.accounts.members("libvirt")
    if health.person and health.person not in members:
        text = f"{health.person} is not in the group libvirt, and sees none of the system's VMs"
        return check(name, "fail", text, f"usermod -aG libvirt {health.person}, then log in again")
    people = ", ".join(members) or "nobody but root"
    return check(name, "pass", f"{people} may use the system's VMs")


def _confinement(libvirt: LibvirtState) -> Check:
    if not libvirt.available:
        return check("confinement", "unknown", "libvirt is asked for it")
    models = [m for m in libvirt.security_models if m in ("selinux", "apparmor")]
    if models:
        return check("confinement", "pass", f"QEMU is confined by {', '.join(models)}")
    text = "neither SELinux nor AppArmor confines QEMU"
    return check("confinement", "fail", text, "switch one on, and security_driver in qemu.conf")


def _starts(libvirt: LibvirtState, health: Health) -> Check:
    """What QEMU said about VMs that did not start last time."""
    if not libvirt.available or health.failures is None:
        return check("vm-starts", "unknown", "the logs of VMs cannot be read here")
    if not health.failures:
        return check("vm-starts", "pass", "no VM failed when it was last started")
    text = "; ".join(f"{name}: {lines[-1]}" for name, lines in health.failures)
    names = " ".join(f"{name}.log" for name, _ in health.failures)
    return check("vm-starts", "fail", text, f"in /var/log/libvirt/qemu: {names}")


def _memlock(libvirt: LibvirtState) -> Check:
    """formatdomain, memtune hard_limit: libvirt computes the limit of VMs with devices."""
    if libvirt.available:
        return check("memlock", "pass", "libvirt raises the limit for each VM with devices")
    hint = "[limits] memlock is for VMs that libvirt does not start"
    return check("memlock", "unknown", "whether libvirt starts the VMs is not known", hint)
