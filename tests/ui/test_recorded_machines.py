"""Machines that others recorded: inspect works on each, in every format."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from backends.reader import TreeReader
from reconciler.inspection import Inspection, inspect
from reconciler.inspection.model import schema
from reconciler.render.html.inspect_page import page
from reconciler.render.inspect_markdown import markdown
from reconciler.render.inspect_text import text
from reconciler.starter.describe import describe
from reconciler.starter.trial import objection
from tests.devices import listings
from tests.devices.planning import state_of
from tests.realworld import HOME, NEEDED, params
from tests.simulator.hosts import debian
from tests.simulator.tree import TreeBuilder
from tests.topology.maps import MapReader
from tests.topology.test_realworld import in_memory
from tests.ui.test_html import Seen, quiet

pytestmark = NEEDED
SCHEMA = Draft202012Validator(schema())


def fits(found: Inspection, name: str) -> None:
    """All formats work; lines fit; the JSON is as published."""
    SCHEMA.validate(found.to_json())
    assert json.loads(json.dumps(found.to_json())) == found.to_json()
    for verbose in (False, True):
        shown = text(found, verbose=verbose)
        wide = [line for line in shown.splitlines() if len(line) > 80]
        assert not wide, (name, wide)
    assert found.host.hostname in markdown(found)
    seen = Seen(page(found))
    quiet(seen)
    assert all(f.address in seen.text for f in found.pci if not f.plumbing), name
    whole = text(found, verbose=True)
    assert all(f.address in whole for f in found.pci), name


def test_every_listing_of_groups(tmp_path: Path) -> None:
    machines = list(listings.group_machines(HOME))
    assert len(machines) >= 20
    shared = 0
    for name, machine in machines:
        tree = TreeBuilder(tmp_path / name)
        debian(tree, "box", "0123456789abcdef0123456789abcdef")
        listings.build(tree, machine)
        tree.mount("tmpfs", "/", "tmpfs")
        state = state_of(tree.reader())
        found = inspect(state)
        fits(found, name)
        assert len(found.pci) == len(machine), name
        groups = {f.address: f.iommu_group for f in found.pci}
        for function in found.pci:
            together = {groups[a] for a in function.assignable.together}
            assert together <= {function.iommu_group}, (name, function.address)
            shared += function.assignable.answer == "with"
        assert not objection(describe(state, "x").splitlines(), state), name
    assert shared > 50


def test_every_udev_database(tmp_path: Path) -> None:
    machines = list(listings.udev_machines(HOME))
    assert machines
    for name, database in machines:
        tree = TreeBuilder(tmp_path / name)
        listings.build_udev(tree, listings.parse_udev(database))
        tree.mount("tmpfs", "/", "tmpfs")
        fits(inspect(state_of(tree.reader())), name)


@pytest.mark.parametrize("archive", params("machines/hwloc/**/*.tar.bz2"))
def test_every_topology(archive: Path) -> None:
    with tarfile.open(archive) as tar:
        if not any("/sys/devices/system" in name for name in tar.getnames()):
            return  # a dump of CPUID alone
    reader: MapReader = in_memory(archive)
    found = inspect(state_of(reader))
    fits(found, archive.name)
    assert found.cpu.cores


def test_trees_recorded_by_other_tools(tmp_path: Path) -> None:
    for archive in sorted((HOME / "machines/ghw").glob("*.tar.gz")):
        root = tmp_path / archive.name
        with tarfile.open(archive) as tar:
            tar.extractall(root, filter="data")
        found = inspect(state_of(TreeReader(root)))
        fits(found, archive.name)
        # What carries the root file system is not in the record: no disk may be called free.
        disks = [f for f in found.pci if f.class_code.startswith("01")]
        assert disks
        assert all(f.assignable.answer in ("no", "unknown") for f in disks)
