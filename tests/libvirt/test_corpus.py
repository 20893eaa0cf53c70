"""Definitions that other people wrote, through the real driver: given a device, pins and huge
pages, then given back as they were."""

from __future__ import annotations

import os

import pytest

from tests.formats.samples import REALWORLD
from tests.libvirt.corpus import RIGHT, Table, files, try_all
from tests.libvirt.daemon import Daemon, minimal
from tests.libvirt.shapes import shapes
from tests.libvirt.unowned import unowned
from tests.libvirt.wishes import WISHES

pytestmark = pytest.mark.libvirt

# The share of all definitions that must come out right; the rest is refused before anything is
# touched: pins, schedulers and cells of the domain that the wish would cut.
LEAST = {
    "device, pins, hugepages": 0.99,
    "everything": 0.95,
    "everything off": 0.99,
    "one card": 0.99,
    "four vCPUs": 0.9,
    "one vCPU": 0.85,
}


def told(table: Table, capsys: pytest.CaptureFixture[str]) -> None:
    """The table is printed whatever became of it."""
    with capsys.disabled():
        print("", *table.lines(), sep="\n")
    assert not table.wrong, "\n".join(table.wrong)


@pytest.mark.realworld
def test_every_definition_is_changed_and_given_back(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    found = list(files(REALWORLD / "domxml"))
    if not found and not os.environ.get("CI"):
        pytest.skip(f"no definitions below {REALWORLD}; set REALWORLD")
    table = try_all(daemon, found)
    told(table, capsys)
    assert table.defined > 250
    assert table.counts.keys() == LEAST.keys()
    assert {
        wish: counts[RIGHT]
        for wish, counts in table.counts.items()
        if counts[RIGHT] < LEAST[wish] * table.defined
    } == {}


def test_every_shape_is_changed_and_given_back(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    table = try_all(daemon, shapes())
    told(table, capsys)
    assert table.defined == table.files
    refused = {what for counts in table.counts.values() for what in counts if "refused" in what}
    assert refused == {
        "refused (vm-iothreads)",
        "refused (vm-memory-backing)",
        "refused (vm-memory-cells)",
        "refused (vm-memory-max)",
        "refused (vm-no-pci)",
        "refused (vm-numa-cells)",
        "refused (vm-numatune)",
        "refused (vm-scheduler)",
    }


@pytest.mark.parametrize(
    ("there", "now"),
    [
        ("<title>a</title>", "<title>b</title>"),
        ("<watchdog model='i6300esb'/>", ""),
        ("", "<hostdev type='pci'><source><address bus='0x42'/></source></hostdev>"),
        ("<vcpu placement='auto'>2</vcpu>", "<vcpu placement='static'>2</vcpu>"),
        ("<disk><driver cache='none'/></disk>", "<disk><driver discard='unmap'/></disk>"),
        ("<cputune><shares>9</shares></cputune>", "<cputune><emulatorpin/></cputune>"),
    ],
)
def test_what_is_not_owned_is_noticed(there: str, now: str) -> None:
    wish = WISHES["everything"].properties()
    for text in (there, now):
        same, as_before = unowned(minimal("a", text), minimal("a", text), wish)
        assert same == as_before
    left, was = unowned(minimal("a", now), minimal("a", there), wish)
    assert left != was
