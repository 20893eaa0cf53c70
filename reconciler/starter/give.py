"""``--init --for DEVICE``: the spec that gives one device to a VM, with CPUs and memory near it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backends.pci import PciFunction
from backends.topology.memory import Pool
from reconciler.budget.suggest import pins_near
from reconciler.budget.words import size
from reconciler.inspection.devices import functions, verdict
from reconciler.inspection.model import Verdict
from reconciler.inspection.vms import vms
from reconciler.observe import HostState
from reconciler.render.names import short_name
from reconciler.starter.existing import identity
from reconciler.starter.toml import Value, comment, table
from specs.errors import ReconcileError
from specs.record import Record
from specs.values import CpuSet, PciAddress

MOST_VCPUS = 8
_MOST_MEMORY = 16 << 20  # KiB
_NAMES = (
    ("03", "gpu"),
    ("0108", "nvme"),
    ("01", "disks"),
    ("02", "nic"),
    ("0c03", "usb"),
    ("04", "audio"),
    ("12", "accelerator"),
)


class CannotGive(ReconcileError):
    """The host needs the device, or no VM can have it (refused)."""

    exit_code = 3


class NoSuchDevice(ReconcileError):
    """The command line names a device that is not here."""

    exit_code = 64


class _Gift(Record):
    """What the VM gets. ``near`` is the device's node, None on a host of one node or none."""

    function: PciFunction
    name: str
    verdict: Verdict
    near: int | None
    pins: tuple[int, ...]
    pool: Pool | None
    pages: int


def give(state: HostState, wanted: str, schema: str) -> str:
    """The spec. Raises NoSuchDevice, CannotGive."""
    function = _find(state, wanted)
    found = verdict(state, function)
    if found.answer == "no":
        raise CannotGive(
            f"it cannot be given to a VM: {'; '.join(found.because)}",
            where=str(function.address),
            hint=_others(state),
        )
    gift = _gift(state, function, found)
    name = short_name(state.names.name(function.vendor, function.device))
    head = [f"#:schema {schema}", *comment(f"Gives {name} ({function.address}) to a VM.")]
    parts = (
        ["version = 1"],
        identity(state),
        list(_cpu(state, gift)),
        list(_hugepages(gift)),
        list(_device(state, gift)),
        list(_vm(state, gift)),
    )
    return "\n\n".join("\n".join(part) for part in (head, *parts) if part) + "\n"


def _find(state: HostState, wanted: str) -> PciFunction:
    try:
        address = PciAddress.parse(wanted)
    except ValueError:
        matching = [f for f in state.pci if f.id == wanted.lower()]
        if len(matching) == 1:
            return matching[0]
        many = ", ".join(str(f.address) for f in matching)
        text = f"{len(matching)} functions have this id: {many}" if many else "no such device here"
        hint = "give the address of one" if many else _by_name(state, wanted) or _others(state)
        raise NoSuchDevice(text, where=f"--for {wanted}", hint=hint) from None
    function = state.pci.get(address)
    if function is None:
        raise NoSuchDevice("no such device here", where=f"--for {wanted}", hint=_others(state))
    return function


def _by_name(state: HostState, wanted: str) -> str:
    """Devices that are called so."""
    names = ((f, short_name(state.names.name(f.vendor, f.device))) for f in state.pci)
    found = [f"{f.address} ({name})" for f, name in names if wanted.lower() in name.lower()]
    return f"an address is needed: {', '.join(found[:4])}" if found and wanted else ""


def _others(state: HostState) -> str:
    free = [f.address for f in functions(state) if f.assignable.answer != "no"]
    if not free:
        return "reconcile --inspect says of each device why no VM can have it"
    more = f" and {len(free) - 6} more" if len(free) > 6 else ""
    return f"a VM could have {', '.join(free[:6])}{more}; reconcile --inspect lists them"


def _gift(state: HostState, function: PciFunction, found: Verdict) -> _Gift:
    nodes = [node.number for node in state.memory.nodes]
    near = function.numa_node if function.numa_node in nodes and len(nodes) > 1 else None
    pool, pages = _memory(state, near)
    return _Gift(
        function=function,
        name=next((n for code, n in _NAMES if function.short_class.startswith(code)), "device"),
        verdict=found,
        near=near,
        pins=pins_near(MOST_VCPUS, near, state.cpu, state.memory),
        pool=pool,
        pages=pages,
    )


def _memory(state: HostState, near: int | None) -> tuple[Pool | None, int]:
    """The pool and the number of pages for a quarter of the (node's) memory, 16G at most."""
    memory = state.memory
    node = memory.node(near) if near is not None else None
    room = (node.total_kib if node is not None else memory.total_kib) // 4
    for pool in reversed(memory.pools):
        pages = min(room, _MOST_MEMORY) // pool.size_kib
        if pages >= 2:
            return pool, pages
    return None, 0


# --- tables -------------------------------------------------------------------------------------


def _cpu(state: HostState, gift: _Gift) -> Iterator[str]:
    if not gift.pins:
        return
    isolated = CpuSet(gift.pins)
    where = "" if gift.near is None else f" of NUMA node {gift.near}, where the device is"
    yield from comment(f"Whole cores{where}; the host keeps the others.")
    reserved = str(state.cpu.online - isolated)
    yield from table("[cpu]", {"isolated": str(isolated), "reserved": reserved})


def _hugepages(gift: _Gift) -> Iterator[str]:
    if gift.pool is None:
        return
    pairs: dict[str, Value] = {"size": size(gift.pool.size_kib), "count": gift.pages}
    if gift.near is not None:
        pairs["node"] = gift.near
    memory = size(gift.pages * gift.pool.size_kib)
    yield from comment(f"The VM's memory, {memory}, in huge pages: never swapped out.")
    yield from table("[[hugepages.pages]]", pairs)


def _device(state: HostState, gift: _Gift) -> Iterator[str]:
    function = gift.function
    card = _card(state, function)
    pairs: dict[str, Value] = {
        "name": gift.name,
        "address": str(function.address),
        "id": function.id,
    }
    if len(card) > 1:
        pairs["multifunction"] = True
        names = "; ".join(f"{f.address} {state.names.name(f.vendor, f.device)}" for f in card)
        yield from comment(f"The whole card: {names}")
    own = {str(f.address) for f in card}
    siblings = [a for a in gift.verdict.together if a not in own]
    if siblings:
        yield from comment("Others of its IOMMU group go along.")
        pairs["accept_siblings"] = siblings
    if gift.verdict.bind == "vm":
        pairs["bind"] = "vm"
        yield from comment("The host has it until the VM starts, and gets it back afterwards.")
    for note in gift.verdict.notes:
        yield from comment(f"Mind: {note}")
    yield from table("[[device]]", pairs)


def _card(state: HostState, function: PciFunction) -> list[PciFunction]:
    """A graphics card goes with its sound and USB functions; other functions are on their own."""
    if function.base_class != "03":
        return [function]
    return [f for f in state.pci if f.card == function.card and f.physfn is None]


def _vm(state: HostState, gift: _Gift) -> Iterator[str]:
    names = [domain.name for domain in state.libvirt.domains]
    listed = f" This host has: {', '.join(names)}." if names else ""
    yield from comment(f"The name of the VM as virsh list --all shows it.{listed}")
    pairs: dict[str, Value] = {"name": _taker(state, gift) or "guest"}
    if not names:
        yield from comment('For a VM that does not exist yet: definition = "guest.xml"')
    pairs["devices"] = [gift.name]
    if gift.pins:
        pairs["vcpu"] = len(gift.pins)
        pairs["topology"] = _topology(state, gift.pins)
    yield from table("[[vm]]", pairs)
    if gift.pins:
        yield ""
        rest = state.cpu.online - CpuSet(gift.pins)
        tune: dict[str, Value] = {"vcpupin": [str(cpu) for cpu in gift.pins]}
        yield from table("[vm.cputune]", {**tune, "emulatorpin": str(_near(state, rest, gift))})
    if gift.pool is not None:
        yield ""
        yield from table("[vm.memory]", _backing(gift, gift.pool))


def _taker(state: HostState, gift: _Gift) -> str:
    """The VM that has the device; else the only one, or the only one without a device."""
    known = vms(state)
    address = str(gift.function.address)
    for fits in (
        [vm.name for vm in known if address in vm.devices],
        [vm.name for vm in known],
        [vm.name for vm in known if not vm.devices],
    ):
        if len(fits) == 1:
            return fits[0]
    return ""


def _near(state: HostState, rest: CpuSet, gift: _Gift) -> CpuSet:
    """The host's CPUs on the node of the device, where it has some there."""
    node = state.memory.node(gift.near) if gift.near is not None else None
    return (rest & node.cpus if node is not None else rest) or rest


def _topology(state: HostState, pins: Sequence[int]) -> dict[str, Value]:
    threads = max(len(c.siblings & CpuSet(pins)) for c in state.cpu.cpus if c.number in pins)
    return {"sockets": 1, "cores": len(pins) // threads, "threads": threads}


def _backing(gift: _Gift, pool: Pool) -> dict[str, Value]:
    pairs: dict[str, Value] = {
        "size": size(gift.pages * pool.size_kib),
        "hugepages": size(pool.size_kib),
    }
    if gift.near is not None:
        pairs["numatune"] = {"mode": "strict", "nodeset": str(gift.near)}
    return pairs
