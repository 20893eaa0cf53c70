"""The PCI tree: bridges, devices below them, IOMMU groups and verdicts."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.budget.words import count
from reconciler.inspection.model import Inspection, PciPart
from reconciler.render.html.markup import Html, Node, el, join
from reconciler.render.html.owners import Owners
from reconciler.render.inspect_words import ANSWERS, verdict
from reconciler.render.names import short_name

_HUES = 6  # the style sheet has that many colours for shared groups


class Tree:
    """Functions by the bridge above them; ``was`` has the drivers of before."""

    def __init__(self, found: Inspection, before: Inspection | None) -> None:
        known = {f.address for f in found.pci}
        self.below: dict[str | None, list[PciPart]] = {}
        for function in found.pci:
            parent = function.parent if function.parent in known else None
            self.below.setdefault(parent, []).append(function)
        self.was = {f.address: f.driver for f in before.pci} if before is not None else {}
        self.shared = _shared_groups(found.pci)
        self.owners = Owners(found, like=None if before is None else Owners(before))
        self.idle = 0

    def carries(self, function: PciPart) -> bool:
        """Whether it is a device, or some device is below it."""
        below = self.below.get(function.address, [])
        return not function.plumbing or any(self.carries(f) for f in below)


def _shared_groups(functions: Sequence[PciPart]) -> dict[int, int]:
    """Groups with several devices, numbered for their colours."""
    members: dict[int, int] = {}
    for function in functions:
        if function.iommu_group is not None and not function.bridge:
            members[function.iommu_group] = members.get(function.iommu_group, 0) + 1
    several = [group for group, number in sorted(members.items()) if number > 1]
    return {group: index % _HUES for index, group in enumerate(several)}


def tree(found: Inspection, before: Inspection | None = None) -> Html:
    """The whole tree; bridges with nothing below them are only counted."""
    what = Tree(found, before)
    rows = _branches(what, what.below.get(None, []))
    idle = f"{count(what.idle, 'function')} of the chipset not shown" if what.idle else ""
    if not found.pci:
        idle = "none shown here"
    return el("div", el("ul", *rows, cls="tree"), el("p", idle, cls="dim") if idle else None)


def _branches(what: Tree, functions: Sequence[PciPart]) -> list[Html]:
    shown = [f for f in functions if what.carries(f)]
    what.idle += len(functions) - len(shown)
    return [_row(what, f) for f in shown]


def _row(what: Tree, function: PciPart) -> Html:
    below = _branches(what, what.below.get(function.address, []))
    name: list[Node] = [
        el("code", function.address),
        " ",
        el("span", function.class_name, cls="class"),
        " ",
        el("span", short_name(function.name), cls="name"),
    ]
    rest: list[Node] = [] if function.plumbing else list(_facts(what, function))
    changed = what.was.get(function.address, function.driver) != function.driver
    kind = "bridge" if function.plumbing else "end"
    head = el("div", *name, *rest, cls=f"fn {kind}{' changed' if changed else ''}")
    return el("li", head, el("ul", *below) if below else None)


def _facts(what: Tree, function: PciPart) -> list[Node]:
    sign, _ = ANSWERS[function.assignable.answer]
    answer = f"answer {function.assignable.answer}"
    notes = [el("div", f"! {note}", cls="note") for note in function.assignable.notes]
    verdict_line = el("div", el("span", f"{sign} ", aria_hidden="true"), verdict(function))
    return [
        el("div", *_pills(what, function), cls="pills"),
        el("div", verdict_line, *notes, cls=answer),
    ]


def _pills(what: Tree, function: PciPart) -> list[Node]:
    was = what.was.get(function.address, function.driver)
    driver = function.driver or "no driver"
    if was != function.driver:
        driver_pill = el("span", f"driver {was or 'none'} → {driver}", cls="pill changed")
    else:
        driver_pill = el("span", f"driver {driver}" if function.driver else driver, cls="pill")
    pills: list[Node] = [_group(what, function), driver_pill]
    if function.numa_node is not None:
        pills.append(el("span", f"node {function.numa_node}", cls="pill"))
    if function.sriov is not None:
        text = f"{function.sriov.enabled} of {function.sriov.total} VFs"
        pills.append(el("span", text, cls="pill"))
    if function.physical_function:
        pills.append(el("span", f"VF of {function.physical_function}", cls="pill"))
    pills += [_taker(what, name) for name in function.vms]
    pills += [el("span", use, cls="pill use") for use in function.used_for]
    return [join(pill, " ") for pill in pills if isinstance(pill, Html)]


def _taker(what: Tree, name: str) -> Html:
    owner = what.owners.vms.get(name)
    return el("span", f"VM {name}", cls=f"pill {owner.key}" if owner else "pill")


def _group(what: Tree, function: PciPart) -> Html:
    group = function.iommu_group
    if group is None:
        return el("span", "no IOMMU group", cls="pill")
    hue = what.shared.get(group)
    if hue is None:
        return el("span", f"group {group}", cls="pill")
    return el("span", f"group {group} (shared)", cls=f"pill group{hue}")
