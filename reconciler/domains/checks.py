"""Findings about VMs that need libvirt's word on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from backends.formats import domain_xml
from backends.formats.domain_xml import DomainXmlError
from backends.libvirt import DomainState, LibvirtState
from reconciler.budget.words import older
from reconciler.context import Context
from reconciler.domains.changes import Target
from reconciler.domains.record import Managed
from reconciler.model import Change, Finding, Pending, note, refuse, warn
from specs.vm import Vm

_KEEPS_TPM = (8, 9)  # libvirt's undefine can leave the state of a TPM
_UNAVAILABLE = {
    "no-virsh": "install libvirt (Debian: libvirt-clients, libvirt-daemon-system); or leave"
    " libvirt out: --connect none",
    "no-daemon": "start it: systemctl start virtqemud.socket, or libvirtd.socket where that is"
    " the one in use; or leave libvirt out: --connect none",
    "denied": "run as root, or as a member of the group libvirt; or leave libvirt out:"
    " --connect none",
    "hung": "see what it waits for (journalctl -u libvirtd -u virtqemud), or restart it: VMs that"
    " run go on; or leave libvirt out: --connect none",
    "failed": "try it: virsh --connect URI list --all; or leave libvirt out: --connect none",
}


def unavailable(libvirt: LibvirtState, where: str) -> Finding:
    """Why nothing can be said or done about VMs."""
    if libvirt.reason == "not-asked":
        hint = "give --connect URI to include libvirt"
        return note("libvirt-left-out", where, "VMs are left out of this plan", hint)
    hint = _UNAVAILABLE[libvirt.reason].replace("URI", libvirt.uri)
    message = f"cannot reach libvirt at {libvirt.uri}: {libvirt.message}"
    return refuse("libvirt-unavailable", where, message, hint)


def host_findings(libvirt: LibvirtState) -> Iterator[Finding]:
    """What holds for all VMs of a host."""
    if not {"selinux", "apparmor"} & set(libvirt.security_models):
        message = "no SELinux or AppArmor driver confines QEMU"
        hint = "enable one, and see security_driver in /etc/libvirt/qemu.conf"
        yield warn("unconfined", "vm", message, hint)
    if libvirt.qemu_user == 0:
        hint = "see user in /etc/libvirt/qemu.conf"
        yield warn("qemu-root", "vm", "QEMU runs as root", hint)


def missing(vm: Vm, where: str, owner: DomainState | None) -> Finding:
    """A VM without a domain, and without a definition to make it from."""
    if owner is not None:
        hint = f'if that is the VM, write name = "{owner.name}"'
        message = f"there is no domain {vm.name}; the one that had this name is now {owner.name}"
        return refuse("vm-missing", where, message, hint)
    if vm.definition is not None:
        message = f"there is no domain {vm.name}, and no file {vm.definition}"
        return refuse("vm-missing", where, message, "write the definition, or define the domain")
    hint = "define it (virsh define), or give its definition in the spec"
    return refuse("vm-missing", where, f"there is no domain {vm.name}", hint)


def transient(domain: DomainState, where: str) -> Finding:
    """A domain that has no definition to change."""
    message = f"{domain.name} is transient: it runs, but has no persistent definition"
    hint = f"make it persistent: virsh dumpxml {domain.name} > FILE; virsh define FILE"
    return refuse("vm-transient", where, message, hint)


def bad_definition(vm: Vm, where: str, found: str) -> Finding:
    """A definition of something else."""
    message = f"{vm.definition} defines the domain {found or '(without a name)'}, not {vm.name}"
    return refuse("vm-definition", f"{where}.definition", message, "make both names the same")


def taken(vm: Vm, where: str, other: DomainState) -> Finding:
    """A definition whose UUID another domain has."""
    message = f"{vm.definition} has the UUID {other.uuid}, which the domain {other.name} has"
    hint = f'take <uuid> out of the definition; or, if that is the VM, write name = "{other.name}"'
    return refuse("vm-definition", f"{where}.definition", message, hint)


def conflict_findings(xml: str, target: Target, *, completed: bool) -> Iterator[Finding]:
    """What the domain has that stands against what is wanted. ``completed``: libvirt wrote it."""
    found = domain_xml.conflicts(domain_xml.parse(xml), target.properties, completed=completed)
    for conflict in found:
        make = refuse if conflict.fatal else warn
        yield make(conflict.code, target.where, f"{target.name}: {conflict.message}", conflict.hint)


def state_findings(
    domain: DomainState, change: Change | None, waiting: Sequence[Pending], where: str
) -> Iterator[Finding]:
    """What a running or a saved VM makes of a change, and of earlier ones that wait."""
    changes = change is not None and bool(change.steps)
    if domain.managed_save and (changes or waiting):
        message = f"{domain.name} has a saved state, whose next start brings its old definition"
        hint = f"start it and shut it down in the guest, or: virsh managedsave-remove {domain.name}"
        yield warn("vm-managed-save", where, message, hint)
    if change is None or not change.steps:
        return
    if domain.active and change.effective.value == "vm-restart":
        message = f"{domain.name} is {domain.state}: this takes effect at its next start"
        hint = "shut it down and start it again; a reboot inside the guest is not enough"
        yield warn("vm-running", where, message, hint)
    if domain.snapshots:
        message = f"{domain.name} has snapshots; reverting to one brings back its definition too"
        yield note("vm-snapshots", where, message, "apply again after reverting")


def kept(domain: DomainState, record: Managed, version: str) -> Finding | None:
    """A domain that reconcile defined and that cannot go without losing more than that."""
    held = {
        "a saved state": (domain.managed_save, "managedsave-remove"),
        "snapshots": (domain.snapshots, "snapshot-delete"),
        "checkpoints": (domain.checkpoints, "checkpoint-delete"),
    }
    found = {what: command for what, (there, command) in held.items() if there}
    if found:
        message = f"{domain.name} stays defined, because it has {' and '.join(found)}"
        hint = f"remove these first (virsh {', '.join(found.values())}), then apply again"
        return warn("vm-kept", f"domain {record.name}", message, hint)
    if older(version, *_KEEPS_TPM) and domain_xml.has_tpm(domain.inactive or ""):
        message = f"{domain.name} stays defined: libvirt {version} would delete what its TPM holds"
        hint = "virsh undefine it yourself, or update libvirt to 8.9 and apply again"
        return warn("vm-kept", f"domain {record.name}", message, hint)
    return None


def sharing(
    ctx: Context, wanted: Mapping[str, Sequence[str]], autostart: Mapping[str, bool]
) -> Iterator[Finding]:
    """``device-shared``: one function in two VMs. ``wanted`` and ``autostart`` are by VM of the
    spec; every other domain counts as it is."""
    has = {d.name: _present(d) for d in ctx.state.libvirt.domains} | dict(wanted)
    starts = {d.name: d.autostart for d in ctx.state.libvirt.domains} | dict(autostart)
    users: dict[str, list[str]] = {}
    for name, addresses in has.items():
        for address in addresses:
            users.setdefault(address, []).append(name)
    where = {vm.name: f"vm[{index}]" for index, vm in enumerate(ctx.spec.vm)}
    for address, names in sorted(users.items()):
        named = [name for name in names if name in where]
        if len(names) > 1 and named:
            started = [name for name in names if starts.get(name)]
            yield _shared(address, names, started, where[named[-1]])


def _shared(address: str, names: list[str], started: list[str], where: str) -> Finding:
    if len(started) > 1:
        message = f"{' and '.join(started)} start with the host and both have {address}"
        hint = "only one of them can run: take it from one, or set autostart = false there"
        return refuse("device-shared", f"{where}.devices", message, hint)
    message = f"{' and '.join(names)} have {address}; only one of them can run at a time"
    return note("device-shared", f"{where}.devices", message)


def _present(domain: DomainState) -> tuple[str, ...]:
    try:
        return domain_xml.hostdevs(domain.inactive or domain.live or "")
    except DomainXmlError:
        return ()
