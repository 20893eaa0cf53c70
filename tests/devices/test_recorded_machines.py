"""Real machines' listings as trees: what carries each disk and interface, group by group."""

from __future__ import annotations

import tarfile
from pathlib import Path

from backends.needs import observe_needs
from backends.pci import functions_in, observe_pci
from backends.pci.iommu import observe_iommu
from backends.reader import TreeReader
from tests.devices import listings
from tests.realworld import HOME, NEEDED
from tests.simulator.tree import TreeBuilder

pytestmark = NEEDED


def test_groups_are_read_as_they_are_listed(memory_path: Path) -> None:
    machines = list(listings.group_machines(HOME))
    assert len(machines) >= 20
    for name, machine in machines:
        root = memory_path / name
        listings.build(TreeBuilder(root), machine)
        reader = TreeReader(root)
        pci = observe_pci(reader)
        iommu = observe_iommu(reader, pci)
        wanted: dict[int, set[str]] = {}
        for item in machine:
            if item.group is not None:
                wanted.setdefault(item.group, set()).add(item.bdf)
        found = {n: {str(m) for m in g.members} for n, g in iommu.groups.items()}
        assert found == wanted, name
        listed = {i.bdf: (i.ids, i.short_class) for i in machine}
        assert {str(f.address): (f.id, f.short_class) for f in pci} == listed, name


def test_every_disk_and_interface_of_udev_databases(memory_path: Path) -> None:
    counted = {"disks": 0, "interfaces": 0}
    for name, text in listings.udev_machines(HOME):
        entries = listings.parse_udev(text)
        tree = TreeBuilder(memory_path / name)
        listings.build_udev(tree, entries)
        wanted: dict[str, set[str]] = {}
        for entry in entries:
            kind, device = entry.fields.get("SUBSYSTEM"), entry.path.rsplit("/", 1)[-1]
            hardware = [str(a) for a in functions_in(entry.path)]
            if not hardware:
                continue
            if kind == "block":
                tree.mount(device, f"/mnt/{device}")
                counted["disks"] += 1
            elif kind == "net":
                tree.default_route(device)
                counted["interfaces"] += 1
            else:
                continue
            words = f"/mnt/{device}" if kind == "block" else f"default route ({device})"
            for address in hardware:
                wanted.setdefault(address, set()).add(words)
        if not wanted:
            continue
        tree.mount("tmpfs", "/", "tmpfs")
        reader = tree.reader()
        needs = observe_needs(reader, observe_pci(reader))
        assert {str(a): set(map(str, u)) for a, u in needs.uses.items()} == wanted, name
        assert needs.unresolved == (), name
    assert counted["disks"] > 50
    assert counted["interfaces"] > 15


def test_trees_recorded_by_other_tools(memory_path: Path) -> None:
    expected = {"8581cf3a529e5d8b97ea876eade2f60d": 82, "accel-nvidia": 29}
    for name, count in expected.items():
        root = memory_path / name
        archive = HOME / f"machines/ghw/linux-amd64-{name}.tar.gz"
        with tarfile.open(archive) as tar:
            tar.extractall(root, filter="data")
        reader = TreeReader(root)
        pci = observe_pci(reader)
        assert len(pci.functions) == count
        assert all(f.vendor and f.device for f in pci)
        # The record holds neither mounts nor routes: no disk may be called free for want of
        # evidence, and of what shows no disk it is said that nobody knows.
        needs = observe_needs(reader, pci)
        assert [item.area for item in needs.unresolved] == ["mounts", "routes"]
        disks = {f.address for f in pci if needs.doubts(f)}
        assert disks
        assert all(pci.functions[a].base_class == "01" for a in disks)
        silent = {f.short_class for f in pci if needs.untold(f)}
        assert "0200" in silent
        assert not silent & {"0300", "0403", "0604"}
