"""Every function of every recorded machine, asked for alone: viable, refused with exactly these
siblings, or in use by what was put on it. ``-s`` prints the table, machines by functions."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from reconciler.model import Plan
from tests.devices import listings
from tests.devices.listings import Listed
from tests.devices.planning import addresses, device, plan_on, refusals, state_of
from tests.realworld import HOME, NEEDED
from tests.simulator.hosts import debian
from tests.simulator.tree import USUAL_DRIVERS, TreeBuilder

pytestmark = NEEDED

QAT = ("8086:19e2", "8086:37c8", "8086:0435")  # QuickAssist, which vfio-pci denies


def first(machine: list[Listed], *classes: str) -> str | None:
    """The first function of one of these classes."""
    return next((i.bdf for c in classes for i in machine if i.short_class == c), None)


def implied(machine: list[Listed], item: Listed, uses: dict[str, str]) -> set[str]:
    """What the listing itself says of a function that is taken alone."""
    if item.is_bridge:
        return {"bridge"}
    out = {f"used: {uses[item.bdf]}"} if item.bdf in uses else set()
    if item.ids in QAT:
        out.add("device-denylisted")
    for other in machine:
        if other.bdf == item.bdf or other.group != item.group or item.group is None:
            continue
        driver = USUAL_DRIVERS.get(other.short_class)
        if driver == "pcieport" or (other.is_bridge and driver is None):
            continue
        out.add(f"sibling: {other.bdf}")
    return out


def found(plan: Plan, bdf: str) -> set[str]:
    """The same facts from a plan's refusals."""
    out = set()
    for finding in refusals(plan):
        if finding.code == "device-not-assignable":
            return {"bridge"}
        if finding.code == "device-in-use":
            out.add(f"used: {finding.message.split(': ', 1)[1]}")
        elif finding.code == "group-not-viable":
            named = finding.message.split("; ACS")[0]
            out |= {f"sibling: {a}" for a in addresses(named) if a != bdf}
        else:
            out.add(finding.code)
    return out


def word(facts: set[str]) -> str:
    """A column of the table."""
    if facts == {"bridge"}:
        return "bridge"
    if any(f.startswith("used") for f in facts):
        return "in use"
    return "refused" if facts else "viable"


def test_every_function_asked_for_alone(
    memory_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = []
    for name, machine in listings.group_machines(HOME):
        tree = TreeBuilder(memory_path / name)
        debian(tree, "box", "0123456789abcdef0123456789abcdef", "intel_iommu=on iommu=pt")
        paths = listings.build(tree, machine)
        uses = {}
        disk, nic = first(machine, "0108", "0106", "0104"), first(machine, "0200")
        if disk:
            tree.mount(tree.disk("sda", paths[disk]), "/")
            uses[disk] = "/"
        else:
            tree.mount("tmpfs", "/", "tmpfs")
        if nic:
            tree.default_route(tree.nic("eth0", paths[nic]))
            uses[nic] = "default route (eth0)"
        state = state_of(tree.reader())
        counts: Counter[str] = Counter()
        for item in machine:
            if item.group is None:
                continue  # the kernel itself gave it no group
            wanted = implied(machine, item, uses)
            seen = found(plan_on(state, device=[device(address=item.bdf)]), item.bdf)
            assert seen == wanted, f"{name}: {item.bdf}"
            counts[word(seen)] += 1
        rows.append((name, len(machine), counts))
    columns = ("viable", "refused", "in use", "bridge")
    with capsys.disabled():
        print(f"\n{'machine':60} {'functions':>9} " + " ".join(f"{c:>8}" for c in columns))
        for name, size, counts in rows:
            print(f"{name[:60]:60} {size:9} " + " ".join(f"{counts[c]:8}" for c in columns))
    assert sum(sum(counts.values()) for _, _, counts in rows) > 500
    index = (HOME / "machines/iommu-groups/INDEX.tsv").read_text().splitlines()[1:]
    assert {name for name, _, _ in rows} == {line.split("\t")[0].split("/")[-1] for line in index}
