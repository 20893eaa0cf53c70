"""What a host is, on a terminal: readiness, devices by IOMMU group, CPUs, memory, boot, VMs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from reconciler.budget.words import size
from reconciler.inspection.model import Check, Inspection, PciPart, VmPart
from reconciler.render.names import short_name
from reconciler.render.style import clean
from specs.values import CpuSet

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text
    from rich.tree import Tree

SIGNS = {"pass": ("✓", "green"), "fail": ("✗", "red"), "unknown": ("?", "yellow")}
ANSWERS = {
    "yes": ("✓", "green"),
    "with": ("✓", "green"),
    "no": ("✗", "red"),
    "unknown": ("?", "yellow"),
}


def text(found: Inspection, *, colour: bool = False, width: int = 80, verbose: bool = False) -> str:
    """The whole page. No line is wider than ``width``."""
    import io

    from rich.console import Console

    out = io.StringIO()
    console = Console(
        file=out,
        width=width,
        color_system="standard" if colour else None,
        force_terminal=colour,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    for part in _parts(found, verbose):
        console.print(part)
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def _parts(found: Inspection, verbose: bool) -> Iterator[RenderableType]:
    host = found.host
    words = [host.hostname or "this host", host.system, f"Linux {host.kernel}"]
    yield _text(" · ".join(w for w in words if w), "bold")
    yield _text("")
    yield from _readiness(found.readiness)
    yield from _pci(found.pci, verbose)
    yield from _cpu(found)
    yield from _memory(found)
    yield from _boot(found, verbose)
    yield from _vms(found)


def _text(words: str, style: str = "") -> Text:
    from rich.text import Text

    return Text(clean(words), style=style, overflow="fold")


def _joined(*parts: tuple[str, str]) -> Text:
    from rich.text import Text

    return Text.assemble(*((clean(words), style) for words, style in parts), overflow="fold")


def _table(*columns: str, header: bool = True) -> Table:
    from rich.table import Table

    table = Table(box=None, show_header=header, pad_edge=False, padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(name, header_style="dim", overflow="fold")
    return table


def _indented(part: RenderableType) -> RenderableType:
    from rich.padding import Padding

    return Padding(part, (0, 0, 0, 2), expand=False)


# --- readiness ----------------------------------------------------------------------------------


def _readiness(checks: Iterable[Check]) -> Iterator[RenderableType]:
    checks = list(checks)
    counts = {s: sum(c.status == s for c in checks) for s in SIGNS}
    summary = ", ".join(f"{n} {status}" for status, n in counts.items() if n)
    yield _joined(("Readiness", "bold"), (f"  {summary}", "dim"))
    table = _table("", "", "", header=False)
    for check in checks:
        sign, colour = SIGNS[check.status]
        said = [(check.message, "")]
        if check.hint and check.status != "pass":
            said.append((f"\n→ {check.hint}", "cyan"))
        table.add_row(_text(sign, colour), _text(check.check), _joined(*said))
    yield _indented(table)


# --- devices ------------------------------------------------------------------------------------


def _pci(functions: Iterable[PciPart], verbose: bool) -> Iterator[RenderableType]:
    from rich.tree import Tree

    yield _text("")
    yield _text("PCI devices by IOMMU group", "bold")
    hidden = 0
    for group, members in by_group(functions):
        ends = [f for f in members if not f.bridge]
        if not ends and not verbose:
            hidden += len(members)
            continue
        name = "no group" if group is None else f"group {group}"
        tree = Tree(_text(name, "dim"), guide_style="dim")
        for function in members:
            if function.bridge and not verbose and group is None:
                hidden += 1
            else:
                _branch(tree, function)
        yield _indented(tree)
    if hidden:
        yield _indented(_text(f"{count(hidden, 'bridge')} without devices beside them (-v)", "dim"))


def by_group(functions: Iterable[PciPart]) -> list[tuple[int | None, list[PciPart]]]:
    """Groups in order of number, last what has none; members in address order."""
    groups: dict[int | None, list[PciPart]] = {}
    for function in functions:
        groups.setdefault(function.iommu_group, []).append(function)
    return sorted(groups.items(), key=lambda item: (item[0] is None, item[0] or 0))


def _branch(tree: Tree, function: PciPart) -> None:
    look = "dim" if function.bridge else ""
    head = _joined(
        (function.address, "bold" if not function.bridge else "dim"),
        (f" {function.class_name}  {short_name(function.name)}", look),
    )
    if function.bridge:
        tree.add(head)
        return
    sign, colour = ANSWERS[function.assignable.answer]
    head.append("\n" + clean(facts(function)), style="dim")
    head.append(f"\n{sign} ", style=colour)
    head.append(clean(verdict(function)))
    for note in function.assignable.notes:
        head.append(f"\n! {clean(note)}", style="yellow")
    tree.add(head)


def facts(function: PciPart) -> str:
    """Id, driver, node, virtual functions and use in one line."""
    words = [f"[{function.vendor}:{function.device}]"]
    words.append(f"driver {function.driver}" if function.driver else "no driver")
    if function.numa_node is not None:
        words.append(f"node {function.numa_node}")
    if function.sriov is not None:
        words.append(f"{function.sriov.enabled} of {function.sriov.total} VFs")
    if function.physical_function:
        words.append(f"VF of {function.physical_function}")
    if function.used_for:
        words.append(f"used for {', '.join(function.used_for)}")
    return ", ".join(words)


def verdict(function: PciPart) -> str:
    """``can be given away: yes``, ``with ...``, or ``no: ...``."""
    found = function.assignable
    said = {
        "yes": "yes",
        "with": f"with {', '.join(found.together)}",
        "no": f"no, {'; '.join(found.because)}",
        "unknown": "not known before the IOMMU is on",
    }[found.answer]
    held = ', while its VM runs (bind = "vm")' if found.bind == "vm" else ""
    return f"can be given away: {said}{held}"


# --- CPUs and memory ----------------------------------------------------------------------------


def _cpu(found: Inspection) -> Iterator[RenderableType]:
    cpu = found.cpu
    yield _text("")
    yield _joined(("CPUs", "bold"), (f"  {cpu_summary(found)}", "dim"))
    table = _table("", "", header=False)
    table.add_row("online", _text(cpu.online or "not known"))
    if cpu.offline:
        table.add_row("offline", _text(cpu.offline))
    table.add_row("isolated", _text(cpu.isolated or "none"))
    for place, cores in _places(found):
        table.add_row(_text(place), _text("  ".join(cores)))
    yield _indented(table)


def cpu_summary(found: Inspection) -> str:
    """``GenuineIntel, 1 socket, 8 cores, 2 threads each``."""
    cpu = found.cpu
    words = [cpu.vendor] if cpu.vendor else []
    words.append(count(cpu.sockets, "socket"))
    words.append(count(len(cpu.cores), "core"))
    if cpu.threads_per_core > 1:
        words.append(f"{cpu.threads_per_core} threads each")
    return ", ".join(words)


def count(number: int, noun: str) -> str:
    """``1 core``, ``2 cores``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _places(found: Inspection) -> Iterator[tuple[str, list[str]]]:
    """Threads of each core, by node and level 3 cache."""
    places: dict[tuple[int | None, str], list[str]] = {}
    for core in found.cpu.cores:
        places.setdefault((core.node, core.l3), []).append(core.cpus)
    several = len({l3 for _, l3 in places}) > len({node for node, _ in places})
    for (node, l3), cores in places.items():
        name = "cores" if node is None else f"node {node}"
        yield (f"{name}, L3 {l3}" if l3 and several else name), cores


def _memory(found: Inspection) -> Iterator[RenderableType]:
    memory = found.memory
    yield _text("")
    total = f"{size(memory.total_kib)}, {size(memory.available_kib)} available"
    yield _joined(("Memory", "bold"), (f"  {total}", "dim"))
    sizes = list(dict.fromkeys(p.size for p in found.hugepages))
    far = ["distances"] if len(memory.nodes) > 1 else []
    table = _table("", "memory", "free", *(f"{s} pages" for s in sizes), *far)
    for node, all_of, free, distances in _memory_rows(found):
        pools = {p.size: f"{p.total} ({p.free} free)" for p in found.hugepages if p.node == node}
        name = "host" if node is None else f"node {node}"
        table.add_row(
            name, all_of, free, *(pools.get(s, "–") for s in sizes), *distances[: len(far)]
        )
    yield _indented(table)


def _memory_rows(found: Inspection) -> list[tuple[int | None, str, str, list[str]]]:
    """Node, memory, free memory and distances; the whole host last, where it is not one node."""
    memory = found.memory
    rows: list[tuple[int | None, str, str, list[str]]] = [
        (n.node, size(n.total_kib), size(n.free_kib), [" ".join(map(str, n.distances.values()))])
        for n in memory.nodes
    ]
    if len(rows) != 1:
        rows.append((None, size(memory.total_kib), size(memory.available_kib), [""]))
    return rows


# --- boot ---------------------------------------------------------------------------------------


def _boot(found: Inspection, verbose: bool) -> Iterator[RenderableType]:
    boot = found.boot
    yield _text("")
    yield _joined(("Boot", "bold"), (f"  {boot.loader}", "dim"))
    table = _table("", "", header=False)
    table.add_row("running", _text(boot.running or "nothing"))
    configured = boot.configured if boot.configured is not None else boot.configured_gap
    table.add_row("configured", _text(configured or "nothing"))
    for entry in boot.next:
        if entry.kind != "normal" and not verbose:
            continue
        said = [(entry.title or entry.entry, "bold" if entry.default else "")]
        said.append((f"\n{entry.args}" if entry.args != boot.running else "  as running", "dim"))
        name = "next" if entry.default else ("entry" if entry.kind == "normal" else entry.kind)
        table.add_row(name, _joined(*said))
    for problem in boot.problems:
        table.add_row(_text("!", "yellow"), _text(problem))
    yield _indented(table)


# --- VMs ----------------------------------------------------------------------------------------


def _vms(found: Inspection) -> Iterator[RenderableType]:
    yield _text("")
    uri = f"  {found.libvirt.uri}" if found.libvirt.available else ""
    yield _joined(("Virtual machines", "bold"), (uri, "dim"))
    if not found.vms:
        why = found.libvirt.message if not found.libvirt.available else "none"
        yield _indented(_text(why))
        return
    table = _table("name", "state", "vCPUs on", "memory", "devices")
    for vm in found.vms:
        state = f"{vm.state}{', autostart' if vm.autostart else ''}"
        table.add_row(
            _text(vm.name), state, _text(pins(vm)), _text(backing(vm)), _text("\n".join(vm.devices))
        )
    yield _indented(table)


def pins(vm: VmPart) -> str:
    """``4 on 2-3,10-11``, or ``4, not pinned``."""
    number = "?" if vm.vcpus is None else str(vm.vcpus)
    pinned = vm.pinned
    return f"{number} on {CpuSet(pinned)}" if pinned else f"{number}, not pinned"


def backing(vm: VmPart) -> str:
    """``16G in 1G pages, strict 0``."""
    words = [vm.memory or "?"]
    if vm.hugepages:
        words.append(f"in {vm.hugepages} pages")
    if vm.numatune:
        words.append(f"({vm.numatune})")
    return " ".join(words)
