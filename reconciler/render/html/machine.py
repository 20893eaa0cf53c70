"""The picture of a machine: NUMA nodes with their cores, threads, memory and devices."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.budget.words import count, size
from reconciler.inspection.model import CorePart, Inspection, NodePart, PciPart
from reconciler.render.html.markup import Html, el, join
from reconciler.render.html.owners import OFFLINE, Owners
from reconciler.render.html.page import hidden
from reconciler.render.names import short_name
from specs.values import CpuSet

Then = tuple[Inspection, Owners]
"""The host before, and who had what then."""


def picture(found: Inspection) -> Html:
    """All nodes and the legend."""
    owners = Owners(found)
    nodes = (_node(found, node, owners, None) for node in _nodes(found))
    return el("div", el("div", *nodes, cls="nodes"), _offline(found), _legend(owners))


def twins(before: Inspection, after: Inspection) -> Html:
    """Node by node side by side, what is different marked."""
    then = Owners(before)
    now = Owners(after, like=then)
    heads = (el("h3", words, cls="twin") for words in ("Before", "After"))
    rows = (
        (
            _node(before, node, then, None, "before"),
            _node(after, _same_node(after, node), now, (before, then), "after"),
        )
        for node in _nodes(before)
    )
    pairs = (part for row in rows for part in row)
    legends = (el("div", _offline(f), _legend(o)) for f, o in ((before, then), (after, now)))
    return el("div", *heads, *pairs, *legends, cls="twins")


def _nodes(found: Inspection) -> tuple[NodePart, ...]:
    """The nodes; one that stands for the machine where the kernel knows none."""
    if found.memory.nodes:
        return found.memory.nodes
    memory = found.memory
    whole = NodePart(
        node=0,
        cpus=found.cpu.online,
        total_kib=memory.total_kib or 0,
        free_kib=memory.available_kib or 0,
        distances={},
    )
    return (whole,)


def _node(
    found: Inspection, node: NodePart, owners: Owners, then: Then | None, when: str = ""
) -> Html:
    single = len(_nodes(found)) == 1
    cores = [c for c in found.cpu.cores if single or c.node == node.node]
    had = then[1] if then is not None else None
    caches = [_cache(l3, inside, owners, had) for l3, inside in _by_cache(cores).items() if inside]
    title = f"NUMA node {node.node}" if found.memory.nodes else "Machine"
    known = [count(len(cores), "core")] * bool(cores) + [size(node.total_kib)] * bool(
        node.total_kib
    )
    facts = ", ".join(known) or "not shown here"
    parts: list[Html | None] = [
        el("h3", title, join(" ", el("small", facts))),
        _memory(found, node, then[0] if then is not None else None) if node.total_kib else None,
        el("div", *caches, cls="caches"),
        _devices(found, node, single, owners, then),
    ]
    heard = f"{title}, {when}" if when else title
    return el("article", *parts, cls="node", aria_label=heard)


def _by_cache(cores: list[CorePart]) -> dict[str, list[CorePart]]:
    caches: dict[str, list[CorePart]] = {}
    for core in cores:
        caches.setdefault(core.l3, []).append(core)
    return caches


def _cache(l3: str, cores: list[CorePart], owners: Owners, then: Owners | None) -> Html:
    label = el("h4", f"L3 cache of CPUs {l3}") if l3 else None
    return el("div", label, el("ul", *(_core(c, owners, then) for c in cores), cls="cores"))


def _core(core: CorePart, owners: Owners, then: Owners | None) -> Html:
    threads = [_thread(cpu, owners, then) for cpu in CpuSet.parse(core.cpus)]
    name = f"core {core.core}" if core.core is not None else "core"
    kind = f", {core.kind.removeprefix('cpu_')}" if core.kind else ""
    shown = el("span", core.kind.removeprefix("cpu_"), cls="kind") if core.kind else None
    return el("li", shown, el("ul", *threads), cls="core", aria_label=f"{name}{kind}")


def _thread(cpu: int, owners: Owners, then: Owners | None) -> Html:
    found = owners.of(cpu)
    was = then.of(cpu) if then is not None else found
    names = " and ".join(o.name for o in found)
    letters = "".join(o.letter for o in found)
    changed = [o.name for o in was] != [o.name for o in found]
    said = f"CPU {cpu}: {names}"
    if changed:
        said += f" (before: {' and '.join(o.name for o in was)})"
    return el(
        "li",
        el("b", str(cpu), aria_hidden="true"),
        el("i", letters, aria_hidden="true") if letters else None,
        hidden(said),
        cls=f"cpu {found[0].key}{' changed' if changed else ''}",
        title=said,
    )


def _offline(found: Inspection) -> Html | None:
    if not found.cpu.offline:
        return None
    return el("p", el("span", "", cls=f"swatch {OFFLINE.key}"), f" offline: {found.cpu.offline}")


def _legend(owners: Owners) -> Html:
    items = (
        el("li", el("span", owner.letter, cls=f"swatch {owner.key}"), f" {owner.name}")
        for owner in owners.legend
    )
    return el("ul", *items, cls="legend", aria_label="Legend: who has a CPU")


# --- memory -------------------------------------------------------------------------------------


def _memory(found: Inspection, node: NodePart, before: Inspection | None) -> Html:
    parts = list(_segments(found, node))
    was = dict(_segments(before, _same_node(before, node))) if before is not None else None
    bar = [
        el("span", "", cls=f"segment {_key(name)}", style=f"flex-grow:{kib}")
        for name, kib in parts
        if kib
    ]
    items = []
    for name, kib in parts:
        changed = was is not None and abs(was.get(name, 0) - kib) >= 1024
        old = f" (before: {size(was.get(name, 0))})" if was is not None and changed else ""
        swatch = el("span", "", cls=f"swatch {_key(name)}")
        words = f" {size(kib)} {name}"
        items.append(el("li", swatch, words, el("em", old) if old else None))
    return el(
        "div",
        el("div", *bar, cls="bar", aria_hidden="true"),
        el("ul", *items, cls="legend", aria_label="Memory"),
        cls="memory",
    )


def _same_node(found: Inspection, node: NodePart) -> NodePart:
    return next((n for n in _nodes(found) if n.node == node.node), node)


def _segments(found: Inspection, node: NodePart) -> Iterator[tuple[str, int]]:
    """Words and KiB: huge pages by size, what else is used, what is free."""
    known = any(p.node is not None for p in found.hugepages)
    where = node.node if known else None
    pools = [p for p in found.hugepages if p.node == where]
    huge = 0
    for pool in sorted(pools, key=lambda p: -p.size_kib):
        kib = pool.total * pool.size_kib
        huge += kib
        if kib:
            yield f"in {count(pool.total, 'huge page')} of {pool.size}", kib
    free = max(0, min(node.free_kib, node.total_kib - huge))
    yield "used", max(0, node.total_kib - huge - free)
    yield "free", free


def _key(name: str) -> str:
    if "huge" in name:
        return "huge1" if name.endswith("G") else "huge2"
    return "memfree" if name == "free" else "memused"


# --- devices ------------------------------------------------------------------------------------


def _devices(
    found: Inspection,
    node: NodePart,
    single: bool,
    owners: Owners,
    then: Then | None,
) -> Html | None:
    here = [f for f in found.pci if not f.plumbing and (single or f.numa_node == node.node)]
    if not here:
        return None
    was = {f.address: f for f in then[0].pci} if then is not None else {}
    items = (_device(f, owners, was.get(f.address, f)) for f in here)
    return el("ul", *items, cls="devices", aria_label="Devices on this node")


def _device(function: PciPart, owners: Owners, was: PciPart) -> Html:
    owner = owners.of_device(function.address)
    driver = function.driver or "no driver"
    key = owner.key if owner else ("free" if driver.replace("-", "_").endswith("vfio_pci") else "")
    told = [*_told(function, was), *([owner.name] if owner else [])]
    moved = (was.driver, _virtual(was), was.vms) != (
        function.driver,
        _virtual(function),
        function.vms,
    )
    return el(
        "li",
        el("i", owner.letter, cls="letter", aria_hidden="true") if owner else None,
        el("code", function.address),
        el("span", f"{function.class_name} · {short_name(function.name)}", cls="name"),
        el("span", " · ".join(told), cls="driver"),
        cls=f"device {key or 'host'}{' changed' if moved else ''}",
    )


def _told(function: PciPart, was: PciPart) -> Iterator[str]:
    """Driver and virtual functions, with what they were where that is different."""
    driver = function.driver or "no driver"
    yield driver if was.driver == function.driver else f"{was.driver or 'no driver'} → {driver}"
    number, before = _virtual(function), _virtual(was)
    if number or before:
        old = f" (before: {before})" if number != before else ""
        yield f"{number} virtual functions{old}"
    if was.vms and not function.vms:
        yield f"no longer of {', '.join(was.vms)}"


def _virtual(function: PciPart) -> int:
    return function.sriov.enabled if function.sriov is not None else 0
