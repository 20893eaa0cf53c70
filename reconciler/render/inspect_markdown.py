"""What a host is, as markdown for a wiki or an issue."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reconciler.budget.words import size
from reconciler.inspection.model import Inspection
from reconciler.render.inspect_words import (
    ANSWERS,
    SIGNS,
    amount,
    backing,
    by_group,
    configured,
    cpu_summary,
    no_vms,
    pages,
    pins,
    system,
)
from reconciler.render.inspect_words import facts as device_facts
from reconciler.render.inspect_words import verdict as device_verdict
from reconciler.render.markdown import cell, code
from reconciler.render.names import short_name


def markdown(found: Inspection) -> str:
    """The whole page; nothing in it is active."""
    lines = [f"### {cell(found.host.hostname or 'this host')}", ""]
    lines += [cell(" · ".join(system(found)) or "not a running system")]
    for part in (_readiness, _pci, _cpu, _memory, _boot, _vms):
        lines += ["", *part(found)]
    return "\n".join(lines) + "\n"


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    names = list(heads)
    yield f"| {' | '.join(names)} |"
    yield "|" + "---|" * len(names)
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _readiness(found: Inspection) -> Iterator[str]:
    yield "#### Readiness"
    yield ""
    rows = (
        (
            SIGNS[c.status][0],
            code(c.check),
            cell(c.message) + (f" → {cell(c.hint)}" if c.hint and c.status != "pass" else ""),
        )
        for c in found.readiness
    )
    yield from _table(("", "check", "found"), rows)


def _pci(found: Inspection) -> Iterator[str]:
    yield "#### PCI devices by IOMMU group"
    yield ""
    rows = (
        (
            "–" if group is None else str(group),
            code(f.address),
            f"{cell(f.class_name)} {cell(short_name(f.name))}",
            cell(device_facts(f)),
            f"{ANSWERS[f.assignable.answer][0]} {cell(device_verdict(f))}",
        )
        for group, members in by_group(found.pci)
        for f in members
        if not f.plumbing
    )
    yield from _table(("group", "address", "device", "now", "for a VM"), rows)


def _cpu(found: Inspection) -> Iterator[str]:
    cpu = found.cpu
    yield "#### CPUs and memory"
    yield ""
    yield f"{cell(cpu_summary(found))}; online {code(cpu.online)}, isolated {code(cpu.isolated)}"


def _memory(found: Inspection) -> Iterator[str]:
    sizes = list(dict.fromkeys(p.size for p in found.hugepages))
    pools = {(p.node, p.size): pages(p) for p in found.hugepages}
    rows = [
        (
            str(n.node),
            code(n.cpus),
            size(n.total_kib),
            size(n.free_kib),
            *(pools.get((n.node, s), "–") for s in sizes),
        )
        for n in found.memory.nodes
    ]
    memory = found.memory
    totals = (amount(memory.total_kib), amount(memory.available_kib))
    rows.append(("host", "", *totals, *(pools.get((None, s), "–") for s in sizes)))
    yield from _table(("node", "CPUs", "memory", "free", *(f"{s} pages" for s in sizes)), rows)


def _boot(found: Inspection) -> Iterator[str]:
    boot = found.boot
    yield f"#### Boot ({cell(boot.loader)})"
    yield ""
    rows = [("running", "", code(boot.running)), ("configured", "", code(configured(found)))]
    rows += [("default" if e.default else e.kind, cell(e.title), code(e.args)) for e in boot.next]
    yield from _table(("what", "title", "kernel arguments"), rows)


def _vms(found: Inspection) -> Iterator[str]:
    yield "#### Virtual machines"
    yield ""
    if not found.vms:
        yield cell(no_vms(found))
        return
    rows = (
        (cell(v.name), v.state, cell(pins(v)), cell(backing(v)), code(", ".join(v.devices)))
        for v in found.vms
    )
    yield from _table(("name", "state", "vCPUs", "memory", "devices"), rows)
