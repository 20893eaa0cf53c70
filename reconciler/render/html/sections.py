"""Readiness, boot and VMs as tables."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.inspection.model import Check, Inspection, VmPart
from reconciler.render.html.markup import Html, Node, el, join
from reconciler.render.html.owners import Owners
from reconciler.render.html.page import hidden, section
from reconciler.render.inspect_words import (
    SIGNS,
    backing,
    configured,
    cpu_summary,
    entry_args,
    no_vms,
    pins,
    system,
)


def table(heads: Iterable[str], rows: Iterable[Iterable[Node]], cls: str = "") -> Html:
    """A table with a head; the first cell of a row names it."""
    head = el("tr", *(el("th", name, scope="col") for name in heads))
    body = []
    for row in rows:
        first, *rest = row
        body.append(el("tr", el("th", first, scope="row"), *(el("td", cell) for cell in rest)))
    return el("table", el("thead", head), el("tbody", *body), cls=cls)


def masthead(found: Inspection, title: str = "") -> Html:
    """Which machine this is."""
    host = found.host
    line = " · ".join([*system(found), host.bootloader, f"IOMMU {host.iommu}"])
    return el("header", el("h1", title or host.hostname or "this host"), el("p", line))


def readiness(checks: Iterable[Check]) -> Html:
    """Every check with its sign, and what to do."""
    checks = list(checks)
    counts = {s: sum(c.status == s for c in checks) for s in SIGNS}
    note = ", ".join(f"{n} {status}" for status, n in counts.items() if n)
    items = [
        el(
            "li",
            el("span", SIGNS[c.status][0], cls="sign", aria_hidden="true"),
            hidden(f"{c.status}: "),
            el("b", c.check),
            join(" ", c.message),
            el("div", f"→ {c.hint}", cls="hint") if c.hint and c.status != "pass" else None,
            cls=c.status,
        )
        for c in checks
    ]
    return section("Readiness", el("ul", *items, cls="checks"), note=note)


def boot(found: Inspection) -> Html:
    """Running, configured, and what the loader can start."""
    loader = found.boot
    rows: list[tuple[Node, Node, Node]] = [
        ("running", "", el("code", loader.running or "not known")),
        ("configured", "", el("code", configured(found))),
    ]
    for entry in loader.next:
        args = entry_args(entry.args, loader.running)
        shown = el("span", args, cls="dim") if args == "as running" else el("code", args)
        rows.append(("default" if entry.default else entry.kind, entry.title or entry.entry, shown))
    problems = [el("p", f"! {text}", cls="note") for text in loader.problems]
    return section(
        "Boot", table(("", "entry", "kernel command line"), rows), *problems, note=loader.loader
    )


def machines(found: Inspection) -> Html:
    """The VMs, each with its colour."""
    note = found.libvirt.uri if found.libvirt.available else ""
    return section("Virtual machines", vm_table(found), note=note)


def vm_table(found: Inspection) -> Html:
    """A table of the VMs, or why there are none."""
    if not found.vms:
        return el("p", no_vms(found), cls="dim")
    owners = Owners(found)
    rows = (_vm(vm, owners) for vm in found.vms)
    return table(("name", "state", "vCPUs", "memory", "devices"), rows)


def _vm(vm: VmPart, owners: Owners) -> Iterable[Node]:
    owner = owners.vms.get(vm.name)
    swatch = el("span", owner.letter, cls=f"swatch {owner.key}") if owner else None
    state = f"{vm.state}{', autostart' if vm.autostart else ''}"
    devices = join(*(join(el("code", a), " ") for a in vm.devices)) if vm.devices else "–"
    return join(swatch, " ", vm.name), state, pins(vm), backing(vm), devices


def cpu_note(found: Inspection) -> str:
    """The small print beside the picture's heading."""
    isolated = f", isolated {found.cpu.isolated}" if found.cpu.isolated else ""
    return f"{cpu_summary(found)}{isolated}"
