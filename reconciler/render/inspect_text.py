"""What a host is, on a terminal: readiness, devices by IOMMU group, CPUs, memory, boot, VMs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from reconciler.budget.words import count, size
from reconciler.inspection.model import Check, Inspection, PciPart
from reconciler.render.inspect_words import (
    ANSWERS,
    SIGNS,
    amount,
    backing,
    by_group,
    configured,
    cpu_summary,
    entry_args,
    facts,
    memory_summary,
    no_vms,
    pages,
    pins,
    places,
    system,
    verdict,
)
from reconciler.render.names import short_name
from reconciler.render.style import clean

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text
    from rich.tree import Tree


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
    yield _text(" · ".join((host.hostname or "this host", *system(found))), "bold")
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


def _pci(functions: Sequence[PciPart], verbose: bool) -> Iterator[RenderableType]:
    from rich.tree import Tree

    yield _text("")
    yield _text("PCI devices by IOMMU group", "bold")
    if not functions:
        yield _indented(_text("none shown here"))
    hidden = 0
    for group, members in by_group(functions):
        if all(f.plumbing for f in members) and not verbose:
            hidden += len(members)
            continue
        name = "no group" if group is None else f"group {group}"
        tree = Tree(_text(name, "dim"), guide_style="dim")
        for function in members:
            if function.plumbing and not verbose and group is None:
                hidden += 1
            else:
                _branch(tree, function, verbose)
        yield _indented(tree)
    if hidden:
        yield _indented(_text(f"{count(hidden, 'function')} of the chipset not shown (-v)", "dim"))


def _branch(tree: Tree, function: PciPart, verbose: bool) -> None:
    """A device with its facts and verdict; of the chipset only the name, unless it is asked for."""
    small = function.bridge or (function.plumbing and not verbose)
    head = _joined(
        (function.address, "dim" if small else "bold"),
        (f" {function.class_name}  {short_name(function.name)}", "dim" if small else ""),
    )
    if small:
        tree.add(head)
        return
    sign, colour = ANSWERS[function.assignable.answer]
    head.append("\n" + clean(facts(function)), style="dim")
    head.append(f"\n{sign} ", style=colour)
    head.append(clean(verdict(function)))
    for note in function.assignable.notes:
        head.append(f"\n! {clean(note)}", style="yellow")
    tree.add(head)


# --- CPUs and memory ----------------------------------------------------------------------------


def _cpu(found: Inspection) -> Iterator[RenderableType]:
    cpu = found.cpu
    yield _text("")
    yield _joined(("CPUs", "bold"), (f"  {cpu_summary(found)}", "dim"))
    table = _table("", "", header=False)
    table.add_row("online", _text(cpu.online or "not known"))
    if cpu.offline:
        table.add_row("offline", _text(cpu.offline))
    table.add_row("isolated", _text(cpu.isolated or ("none" if cpu.online else "not known")))
    for place, cores in places(found):
        table.add_row(_text(place), _text("  ".join(cores)))
    yield _indented(table)


def _memory(found: Inspection) -> Iterator[RenderableType]:
    memory = found.memory
    yield _text("")
    yield _joined(("Memory", "bold"), (f"  {memory_summary(found)}", "dim"))
    if memory.total_kib is None and not memory.nodes:
        return
    sizes = list(dict.fromkeys(p.size for p in found.hugepages))
    far = ["distances"] if len(memory.nodes) > 1 else []
    table = _table("", "memory", "free", *(f"{s} pages" for s in sizes), *far)
    for node, all_of, free, distances in _memory_rows(found):
        pools = {p.size: pages(p) for p in found.hugepages if p.node == node}
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
        rows.append((None, amount(memory.total_kib), amount(memory.available_kib), [""]))
    return rows


# --- boot ---------------------------------------------------------------------------------------


def _boot(found: Inspection, verbose: bool) -> Iterator[RenderableType]:
    boot = found.boot
    yield _text("")
    yield _joined(("Boot", "bold"), (f"  {boot.loader}", "dim"))
    table = _table("", "", header=False)
    table.add_row("running", _text(boot.running or "not known"))
    table.add_row("configured", _text(configured(found)))
    for entry in boot.next:
        if entry.kind != "normal" and not verbose:
            continue
        said = [(entry.title or entry.entry, "bold" if entry.default else "")]
        args = entry_args(entry.args, boot.running)
        said.append((f"  {args}" if args == "as running" else f"\n{args}", "dim"))
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
        yield _indented(_text(no_vms(found)))
        return
    table = _table("name", "state", "vCPUs on", "memory", "devices")
    for vm in found.vms:
        state = f"{vm.state}{', autostart' if vm.autostart else ''}"
        table.add_row(
            _text(vm.name), state, _text(pins(vm)), _text(backing(vm)), _text("\n".join(vm.devices))
        )
    yield _indented(table)
