"""``--init``: a spec of this host as it is. What cannot be declared without a change, and what
might be a good idea, stands there as comments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.budget.board import pins_toml
from reconciler.budget.suggest import pins_near, suggest_isolated
from reconciler.budget.words import size
from reconciler.inspection.devices import functions
from reconciler.inspection.model import PciPart
from reconciler.inspection.vms import vms
from reconciler.observe import HostState
from reconciler.render.names import short_name
from reconciler.starter.existing import candidates, identity
from reconciler.starter.give import MOST_VCPUS
from reconciler.starter.toml import comment, commented, table
from reconciler.starter.trial import objection

# What people give to VMs: displays, networks, disks, USB, accelerators.
_WANTED = ("03", "02", "01", "0c03", "12", "04")


def describe(state: HostState, schema: str) -> str:
    """The spec, ready to be saved. ``schema`` is what editors complete it with."""
    name = state.identity.hostname or "this host"
    head = [f"#:schema {schema}", *comment(f"{name} as it is: planning this changes nothing.")]
    lines = ["version = 1", "", *identity(state)]
    if undone := objection(lines, state):
        # Known from the record of what reconcile owns, of which a capture does not have the spec.
        text = f"{name} is managed by reconcile already, and this is not its spec: {undone}."
        head = [f"#:schema {schema}", *comment(text)]
    lines = [*head, *lines]
    for part in candidates(state):
        why = objection([*lines, *part.lines], state)
        if not why:
            lines += ["", *part.lines]
        else:
            lines += ["", *comment(f"{part.what}: left to its owner, as {why}.")]
            lines += commented(part.lines)
    lines += ["", *_suggestions(state)]
    return "\n".join(lines).rstrip() + "\n"


def _suggestions(state: HostState) -> Iterator[str]:
    yield from _free_devices(state)
    yield from _cpus(state)
    yield from _pages(state)


def _free_devices(state: HostState) -> Iterator[str]:
    found = functions(state, vms(state))
    free = [f for f in found if f.assignable.answer in ("yes", "with", "unknown")]
    free = [f for f in free if f.class_code.startswith(_WANTED)]
    if not free:
        text = "No device of this host can be given to a VM; reconcile --inspect says of each why."
        yield from comment(text)
        return
    yield from comment("Devices that a VM could have. A spec for one of them:")
    yield from comment("  reconcile --init --for ADDRESS")
    for function in free:
        yield from comment(_line(function), "#   ", hanging="  ")
    yield from _near(state, free)


def _near(state: HostState, free: Sequence[PciPart]) -> Iterator[str]:
    """Pins for a VM with one of these devices, by node: whole cores beside the host's own."""
    known = sorted({f.numa_node for f in free if f.numa_node is not None})
    nodes: list[int | None] = [*known] or [None]
    found = {node: pins_near(MOST_VCPUS, node, state.cpu, state.memory) for node in nodes}
    if not any(found.values()):
        return
    yield from comment("Whole cores near them, for a VM of that many vCPUs:")
    for node, pins in found.items():
        if pins:
            where = "" if node is None else f"node {node}: "
            yield from comment(f"{where}{pins_toml(pins)}", "#   ")


def _line(function: PciPart) -> str:
    group = "" if function.iommu_group is None else f", group {function.iommu_group}"
    together = function.assignable.together
    rest = f", with {', '.join(together)}" if together else ""
    node = "" if function.numa_node is None else f", node {function.numa_node}"
    name = f"{function.class_name} {short_name(function.name)}"
    taken = f", now of VM {', '.join(function.vms)}" if function.vms else ""
    return f"{function.address} {name}{group}{node}{rest}{taken}"


def _cpus(state: HostState) -> Iterator[str]:
    isolated, reserved = suggest_isolated(state.cpu)
    if not isolated or state.cpu.isolated:
        return
    yield ""
    yield from comment("CPUs for VMs, one core of each node (two at least) kept for the host:")
    pairs = {"isolated": str(isolated), "reserved": str(reserved)}
    yield from commented(table("[cpu]", pairs))


def _pages(state: HostState) -> Iterator[str]:
    memory = state.memory
    if any(pool.total for pool in memory.pools) or not memory.pools:
        return
    pool = memory.pools[-1]
    count = memory.total_kib // 2 // pool.size_kib
    if count:
        yield ""
        half = size(count * pool.size_kib)
        yield from comment(f"Huge pages for half of the memory ({half}):")
        lines = table("[[hugepages.pages]]", {"size": size(pool.size_kib), "count": count})
        yield from commented(lines)
