"""What observation adds for people: names, and what the host has for running VMs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.pci.ids import NameTable, PciNames, observe_names
from backends.virtualisation import observe_virtualisation
from tests.cli import run
from tests.simulator.hosts import build
from tests.simulator.tree import TreeBuilder
from tests.topology.maps import MapReader

_HEX = st.text("0123456789abcdef", min_size=4, max_size=4)
_WORDS = st.text("abc [](),/&'#-XYZ", min_size=1, max_size=30).map(str.strip).filter(bool)


@given(st.dictionaries(_HEX, st.tuples(_WORDS, st.dictionaries(_HEX, _WORDS))))
def test_a_table_of_names_survives_its_text(found: dict[str, tuple[str, dict[str, str]]]) -> None:
    vendors = {vendor: name for vendor, (name, _) in found.items()}
    devices = {f"{v}:{d}": name for v, (_, own) in found.items() for d, name in own.items()}
    table = NameTable(vendors, devices)
    reader = MapReader({"/usr/share/misc/pci.ids": table.to_text()})
    keys = [*devices, *(f"{v}:zzzz" for v in vendors)]
    assert observe_names(reader, keys) == table
    assert {k: PciNames(table.to_text()).device(*k.split(":")) for k in devices} == devices


def test_a_capture_keeps_only_the_names_of_its_functions(tmp_path: Path) -> None:
    tree = build("intel-workstation", tmp_path / "root")
    path = tmp_path / "root/usr/share/misc/pci.ids"
    tree.write("/usr/share/misc/pci.ids", path.read_text() + "ffff  Nobody\n\t0000  Nothing\n")
    assert run("--capture", tmp_path / "c.json", "--root", tmp_path / "root").code == 0
    kept = json.loads((tmp_path / "c.json").read_text())["nodes"]["/usr/share/misc/pci.ids"]
    assert "GeForce RTX 3060 Ti" in kept["text"]
    assert "Nobody" not in kept["text"]
    assert "Navi 10" not in kept["text"]


@pytest.mark.parametrize(
    ("chips", "remapping"),
    [
        ({}, None),
        ({"0": "IO-APIC", "1": "IR-PCI-MSI"}, False),
        ({"0": "XT-PIC", "8": "IR-IO-APIC"}, True),
        ({"30": "GICv3", "31": "ITS-MSI"}, None),
        ({"120": "IR-PCI-MSIX-0000:00:14.0"}, True),
    ],
)
def test_interrupt_remapping(chips: dict[str, str], remapping: bool | None) -> None:
    files = {f"/sys/kernel/irq/{n}/chip_name": f"{name}\n" for n, name in chips.items()}
    assert observe_virtualisation(MapReader(files), "6.1.0").remapping is remapping


def test_where_vfio_is(tmp_path: Path) -> None:
    tree = TreeBuilder(tmp_path)
    assert observe_virtualisation(tree.reader(), "6.1").vfio == "unknown"
    tree.mkdir("/lib/modules/6.1/kernel/drivers/vfio/pci")
    assert observe_virtualisation(tree.reader(), "6.1").vfio == "missing"
    tree.write("/lib/modules/6.1/kernel/drivers/vfio/pci/vfio-pci.ko.zst", "")
    assert observe_virtualisation(tree.reader(), "6.1").vfio == "module"
    tree.mkdir("/sys/module/vfio_pci")
    assert observe_virtualisation(tree.reader(), "6.1").vfio == "loaded"
