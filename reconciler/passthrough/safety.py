"""Whether functions may be given away: the IOMMU, the group as the kernel sees it, their uses."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from backends.formats.cmdline import matching, same
from backends.needs import Needs
from backends.pci import PciFunction, PciState
from backends.pci.classes import class_name
from backends.pci.iommu import IommuState, diagnose, uses_kernel_dma
from reconciler.budget.words import older
from reconciler.context import Context
from reconciler.model import Finding, refuse, warn
from reconciler.observe import HostState
from reconciler.passthrough.select import Selection
from specs.values import PciAddress

# vfio_pci_dev_in_denylist of drivers/vfio/pci/vfio_pci.c: Intel QAT (19e2, 19e3, 37c8, 37c9, 0435,
# 0443), DSA (0b25) and IAX (0cfe).
_DENYLIST = frozenset(
    f"8086:{device}" for device in ("19e2", "19e3", "37c8", "37c9", "0435", "0443", "0b25", "0cfe")
)


def iommu_findings(ctx: Context, where: str) -> Iterator[Finding]:
    """``no-iommu`` where it cannot be had; ``groups-unknown`` where a reboot will bring it, or this
    very plan, by taking away the argument that keeps it off."""
    state = ctx.state
    diagnosis = diagnose(state.iommu, state.pci)
    off = diagnosis.argument
    going = off is not None and off in leaving_arguments(ctx, (off,))
    if not diagnosis.usable and not going:
        entries = state.boot.normal()
        gone = off and entries and not any(off in entry.args for entry in entries)
        hint = "the next boot is without it: reboot, then apply" if gone else diagnosis.hint
        yield refuse("no-iommu", where, diagnosis.message, hint)
    elif not state.iommu.active:
        message = f"{diagnosis.message}: the groups are known after the next boot"
        hint = "everything safe is prepared now; the groups are checked before a VM gets the device"
        yield warn("groups-unknown", where, message, hint)


def leaving_arguments(ctx: Context, arguments: Sequence[str]) -> set[str]:
    """Those of these kernel arguments that this plan takes away, or that are ours to change."""
    absent = (str(a) for a in ctx.spec.boot.absent_kernel_args)
    named = {word for pattern in absent for word in matching(arguments, pattern)}
    return named | set(ctx.owned.get("kernel-args", "args") or ())


def acs_findings(words: Iterable[tuple[str, str]]) -> Iterator[Finding]:
    """``acs-override``: (argument, where) pairs of the running line and of the spec."""
    for word, where in words:
        if word.partition("=")[0] == "pcie_acs_override":
            yield warn(
                "acs-override",
                where,
                f"{word}: groups are split that the hardware does not isolate, so a guest may "
                "reach its neighbours' memory (a kernel without that patch ignores the argument)",
                "use another slot, or give the whole group to one VM",
            )
            return


# --- what a function is -----------------------------------------------------------------------


def function_findings(
    selection: Selection, state: HostState, arguments: Iterable[str]
) -> Iterator[Finding]:
    """Functions that no guest can have on this host, or only with care. ``arguments`` are those of
    the coming boot."""
    words = tuple(arguments)
    for function in selection.functions:
        yield from _bridge(selection.where, function)
    for function in selection.all:
        yield from _physical(selection.where, function)
        yield from _power(selection.where, function)
        if function.id in _DENYLIST and selection.spec.driver == "vfio-pci":
            allowed = not is_denied(function, words)
            yield _denied(selection.where, function, allowed=allowed)


def guest_findings(
    selection: Selection, given: Collection[PciAddress], state: HostState
) -> Iterator[Finding]:
    """What matters to guests alone: a driver of the host does without a viable group, may have
    memory that firmware keeps, and resets its function by its own means. ``given`` functions go
    to guests as well."""
    for function in selection.all:
        yield from _rmrr(selection.where, function, state.iommu, state.identity.kernel)
    for function in selection.functions:
        yield from _reset(selection.where, function)
    yield from _group(selection, given, state.iommu, state.pci, state.needs)


def is_denied(function: PciFunction, arguments: Iterable[str]) -> bool:
    """Whether vfio-pci does not take a function on a kernel with these arguments."""
    told = any(same(word, "vfio_pci.disable_denylist=1") for word in arguments)
    return function.id in _DENYLIST and not told


def _denied(where: str, function: PciFunction, *, allowed: bool) -> Finding:
    """The probe of vfio-pci fails with -EINVAL, unless its parameter says otherwise."""
    text = f"vfio-pci denies {function.address} ({function.id})"
    if allowed:
        text += " but for disable_denylist, which the kernel command line sets"
        return warn("device-denylisted", where, text, "for trusted guests only")
    hint = 'boot.kernel_args = ["vfio_pci.disable_denylist=1"], for trusted guests only'
    return refuse("device-denylisted", where, f"{text} unless told otherwise", hint)


def _bridge(where: str, function: PciFunction) -> Iterator[Finding]:
    """vfio-pci takes no header but type 0, and the host needs its own bridges."""
    if function.is_bridge:
        text = f"{function.address} is a bridge (class {function.short_class}), not a device"
        yield refuse("device-not-assignable", where, text, "select what is behind it")


def _physical(where: str, function: PciFunction) -> Iterator[Finding]:
    """drivers/vfio/pci/vfio_pci_core.c refuses a physical function that has VFs (EBUSY)."""
    if function.sriov is not None and function.sriov.num:
        text = f"{function.address} has {function.sriov.num} virtual functions enabled"
        hint = "pass the VFs on ([[sriov]]), or set their number to 0"
        yield refuse("device-not-assignable", where, text, hint)


def _rmrr(where: str, function: PciFunction, iommu: IommuState, kernel: str) -> Iterator[Finding]:
    """Functions with direct reserved regions: Intel refuses them (device_is_rmrr_locked), and any
    IOMMU does since Linux 6.6 (commit a48ce36e2786, "Prevent RESV_DIRECT devices from blocking
    domains"): boards with AMD's B650 and X870E give nearly every group one."""
    group = iommu.groups.get(-1 if function.iommu_group is None else function.iommu_group)
    if group is None or not group.direct_regions:
        return
    if iommu.kind == "intel" or (kernel and not older(kernel, 6, 6)):
        table = "RMRR" if iommu.kind == "intel" else "a 1:1 mapping"
        text = (
            f"firmware keeps memory of {function.address} for itself ({table} "
            f"{'; '.join(group.direct_regions)}): the kernel will not attach it to a VM"
        )
        hint = "a firmware update or setting (HP: conrep, 'shared memory') may take it away"
        yield refuse("rmrr", where, text, hint)


def _power(where: str, function: PciFunction) -> Iterator[Finding]:
    """A function that is on and does not answer is marked as cold: drivers/pci/pci.c
    pci_power_up. (One that lost its driver reads "unknown", and nothing is wrong with it:
    drivers/pci/pci-driver.c pci_device_remove.)"""
    state = function.power_state
    if state == "error" or (state == "D3cold" and not function.asleep):
        text = f"{function.address} does not answer: its power state is {state}"
        hint = "switch the host off and on again; if it comes back, keep it awake (troubleshooting)"
        yield warn("power-state", where, text, hint)


def _reset(where: str, function: PciFunction) -> Iterator[Finding]:
    methods = function.reset_methods
    if methods is None or function.is_bridge:
        return
    if not methods:
        text = f"{function.address} has no usable reset method: it may not work a second time"
    elif function.base_class == "03" and not {"flr", "bus", "device_specific"} & set(methods):
        text = (
            f"{function.address} can only be reset by {', '.join(methods)}, which few GPUs honour"
        )
    else:
        return
    hint = "reboot the host between guest runs, or install a reset module (vendor-reset)"
    yield warn("no-reset", where, text, hint)


# --- the group --------------------------------------------------------------------------------


def blockers(
    function: PciFunction, given: Collection[PciAddress], iommu: IommuState, pci: PciState
) -> tuple[PciFunction, ...]:
    """The members of a function's group that keep VFIO from claiming it.

    ``given`` functions go along. The kernel's rule is that no member's driver uses the DMA API
    (drivers/iommu/iommu.c, since Linux 5.19); an endpoint without a driver counts too, since one
    may be bound to it tomorrow, while the VM runs. One that vfio-pci or pci-stub holds does not.
    """
    group = iommu.groups.get(-1 if function.iommu_group is None else function.iommu_group)
    members = (pci.get(m) for m in group.members) if group else ()
    others = (m for m in members if m is not None and m.address != function.address)
    return tuple(m for m in others if m.address not in given and _blocks(m))


def _blocks(member: PciFunction) -> bool:
    if member.driver is not None:
        return uses_kernel_dma(member.driver)
    return not member.is_bridge


def _group(
    selection: Selection,
    given: Collection[PciAddress],
    iommu: IommuState,
    pci: PciState,
    needs: Needs,
) -> Iterator[Finding]:
    """``group-not-viable``: members of the group that stay with the host, named."""
    for function in selection.functions:
        blocking = blockers(function, given, iommu, pci)
        if blocking:
            yield _not_viable(selection, function, blocking, iommu, needs)


def _not_viable(
    selection: Selection,
    function: PciFunction,
    blocking: Sequence[PciFunction],
    iommu: IommuState,
    needs: Needs,
) -> Finding:
    named = ", ".join(_described(f, needs) for f in blocking)
    quoted = ", ".join(f'"{f.address}"' for f in blocking if not f.is_port)
    ports = [a for a in function.parents if a in iommu.acs and iommu.acs[a].missing]
    why = f"; {_no_acs(ports, iommu)}" if ports else ""
    hint = f"to give them away together: accept_siblings = [{quoted}]; or " if quoted else ""
    return refuse(
        "group-not-viable",
        selection.where,
        f"{function.address} shares IOMMU group {function.iommu_group} with {named}{why}",
        f"{hint}put the card into another slot",
    )


def _described(function: PciFunction, needs: Needs) -> str:
    driver = f"driver {function.driver}" if function.driver else "no driver"
    uses = ", ".join(map(str, needs.of(function.address)))
    used = f", used for {uses}" if uses else ""
    what = class_name(function.short_class)
    return f"{function.address} ({what}, {function.id}, {driver}{used})"


def _no_acs(ports: Sequence[PciAddress], iommu: IommuState) -> str:
    states = ", ".join(f"{a} ({iommu.acs[a].status})" for a in ports)
    return f"ACS is not on at the port above: {states}"


def sibling_findings(selection: Selection, iommu: IommuState, pci: PciState) -> Iterator[Finding]:
    """Accepted siblings that are not there, or share no group with the device."""
    groups = {f.iommu_group for f in selection.functions}
    for address in selection.spec.accept_siblings:
        function = pci.get(address)
        if function is None:
            text = f"accept_siblings names {address}, which is not on this host"
            yield refuse("device-missing", selection.where, text, "take it out of the list")
        elif iommu.active and function.iommu_group not in groups:
            text = f"accept_siblings names {address}, which is in another IOMMU group: it is taken"
            yield warn("sibling-not-in-group", selection.where, f"{text} all the same", "remove it")


def given_away(selections: Iterable[Selection]) -> frozenset[PciAddress]:
    """Every function that the spec takes from the host."""
    return frozenset(f.address for s in selections for f in s.all)


# --- what the host needs ------------------------------------------------------------------------


def use_findings(selection: Selection, needs: Needs) -> Iterator[Finding]:
    """``device-in-use``: the function, or one that goes along, carries what the host needs."""
    for function in selection.all:
        yield from function_uses(selection.where, function, needs)


def function_uses(where: str, function: PciFunction, needs: Needs) -> Iterator[Finding]:
    """What the host needs a function for, or may need it for."""
    if uses := needs.of(function.address, critical=True):
        yield refuse(
            "device-in-use",
            where,
            f"the host needs {function.address}: {', '.join(map(str, uses))}",
            "choose another device, or move that to other hardware first",
        )
    yield from _unresolved(where, function, needs)


def _unresolved(where: str, function: PciFunction, needs: Needs) -> Iterator[Finding]:
    """A path that could not be followed is a refusal, not "not in use". Where not even the table
    is there whose paths would be followed, that is said."""
    if doubts := needs.doubts(function):
        what = ", ".join(item.what for item in doubts)
        why = "; ".join(dict.fromkeys(item.why for item in doubts))
        yield refuse(
            "device-in-use",
            where,
            f"{function.address} may carry {what}: cannot tell ({why})",
            "reconcile gives nothing away that could carry it before that is known",
        )
    for item in needs.untold(function):
        yield warn(
            "use-unknown",
            where,
            f"whether {function.address} carries {item.what} cannot be told here: {item.why}",
            "plan on the running host, or from a capture of it (reconcile --capture)",
        )


def seat_findings(
    selections: Sequence[Selection], needs: Needs, pci: PciState, arguments: Iterable[str] = ()
) -> Iterator[Finding]:
    """``device-in-use`` for the last display or keyboard of a host that has no other console.

    A VM-bound device comes back when the VM stops, and a serial console is a way in: both warn.
    ``arguments`` are those of the coming boot.
    """
    serial = bool(needs.seat.serial) or any(a.startswith("console=ttyS") for a in arguments)
    for what, carriers in (("display", _displays(needs, pci)), ("keyboard", _keyboards(needs))):
        taken = [s for s in selections if {f.address for f in s.all} & carriers]
        if carriers and carriers <= given_away(selections):
            for selection in taken:
                gentle = serial or selection.spec.bind == "vm"
                yield _last(selection, what, gentle=gentle)


def _last(selection: Selection, what: str, *, gentle: bool) -> Finding:
    text = f"this takes the host's last {what}"
    if gentle:
        return warn(
            "device-in-use", selection.where, text, "make sure that you can log in remotely"
        )
    hint = (
        'use bind = "vm"; or keep a way in that needs none: '
        'boot.kernel_args = ["console=tty0", "console=ttyS0"]'
    )
    return refuse("device-in-use", selection.where, text, hint)


def _displays(needs: Needs, pci: PciState) -> set[PciAddress]:
    """Displays of a person, all of them: empty where none is known to be looked at.

    Displays that vfio-pci has already are not the host's any more.
    """
    hosts = [d for d in needs.seat.displays if not _with_vfio(pci.get(d.address))]
    firmware = any(f.firmware for f in needs.seat.framebuffers)
    seen = any(d.connected or (d.boot_vga and (firmware or not d.known)) for d in hosts)
    return {d.address for d in hosts} if seen else set()


def _with_vfio(function: PciFunction | None) -> bool:
    return function is None or (
        function.driver is not None and not uses_kernel_dma(function.driver)
    )


def _keyboards(needs: Needs) -> set[PciAddress]:
    """Controllers of keyboards; empty if one hangs on no PCI function (PS/2), or none is there."""
    boards = needs.seat.inputs
    if not all(board.functions for board in boards):
        return set()
    # The innermost function is the controller; what is above it are bridges.
    return {board.functions[-1] for board in boards}
