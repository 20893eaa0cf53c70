"""Which function a table means, and what is said when it is not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from specs.values import PciAddress
from tests.cli import run
from tests.devices.config import config_space
from tests.devices.planning import codes, device, drivers, host, plan, refusals
from tests.simulator.tree import TreeBuilder


@pytest.fixture
def cards(tree: TreeBuilder) -> TreeBuilder:
    """Two identical cards of two functions, a NIC, and a disk in a domain of its own."""
    host(tree)
    for bus, group in (("01", 1), ("02", 2)):
        tree.function(f"0000:{bus}:00.0", ids="10de:2489", driver="nouveau", group=group)
        tree.function(
            f"0000:{bus}:00.1", "0x040300", "10de:228b", driver="snd_hda_intel", group=group
        )
    tree.function("0000:03:00.0", "0x020000", "8086:1533", subsystem="15d9:1533", group=3)
    tree.nic("eth7", "/sys/devices/pci0000:00/0000:03:00.0", "3c:fd:fe:00:00:07")
    nvme = tree.function("10000:e1:00.0", "0x010802", "144d:a80a", driver="nvme", group=9)
    tree.write(f"{nvme}/nvme/nvme9/serial", "S6XYZ\n")
    tree.write("/sys/bus/pci/slots/4/address", "0000:02:00\n")
    return tree


@pytest.mark.parametrize(
    ("keys", "taken"),
    [
        ({"address": "01:00.0", "accept_siblings": ["01:00.1"]}, ["01:00.0", "01:00.1"]),
        ({"address": "0000:03:00.0", "id": "8086:1533"}, ["03:00.0"]),
        ({"id": "8086:1533"}, ["03:00.0"]),
        ({"mac": "3C:FD:FE:00:00:07"}, ["03:00.0"]),
        ({"subsystem": "15d9:1533"}, ["03:00.0"]),
        ({"class": "ethernet"}, ["03:00.0"]),
        ({"serial": "S6XYZ"}, ["10000:e1:00.0"]),
        ({"class": "0108", "address": "10000:e1:00.0"}, ["10000:e1:00.0"]),
        ({"slot": "4", "class": "display", "multifunction": True}, ["02:00.0", "02:00.1"]),
        (
            {"id": "10de:2489", "count": 2, "multifunction": True},
            ["01:00.0", "01:00.1", "02:00.0", "02:00.1"],
        ),
    ],
)
def test_selectors(cards: TreeBuilder, keys: dict[str, Any], taken: list[str]) -> None:
    found = plan(cards, device=[device(**keys)])
    assert refusals(found) == []
    assert sorted(drivers(found)) == sorted(str(PciAddress.parse(t)) for t in taken)


@pytest.mark.parametrize(
    ("keys", "code", "words"),
    [
        ({"address": "01:00.0", "id": "8086:1533"}, "device-mismatch", "is now at 0000:03:00.0"),
        ({"address": "09:00.0", "id": "8086:1533"}, "device-missing", "is now at 0000:03:00.0"),
        ({"address": "09:00.0"}, "device-missing", "no function 0000:09:00.0"),
        ({"id": "10de:2489"}, "device-ambiguous", "0000:01:00.0, 0000:02:00.0"),
        ({"id": "10de:2489", "count": 3}, "device-ambiguous", "not 3"),
        ({"id": "1234:5678"}, "device-missing", "id 1234:5678"),
        ({"address": "03:00.0", "mac": "02:00:00:00:00:01"}, "device-mismatch", "mac 3c:fd"),
        ({"slot": "9"}, "device-missing", "slot 9"),
    ],
)
def test_what_is_not_there(cards: TreeBuilder, keys: dict[str, Any], code: str, words: str) -> None:
    found = plan(cards, device=[device(**keys)])
    assert codes(found) == [code]
    (finding,) = refusals(found)
    assert finding.where == "device[0]"
    assert words in finding.message
    assert found.changes == () or code not in ("device-mismatch",)


def test_the_new_address_is_in_the_hint(cards: TreeBuilder) -> None:
    found = plan(cards, device=[device(address="09:00.0", id="8086:1533")])
    assert 'address = "0000:03:00.0"' in refusals(found)[0].hint


def test_an_identity_that_vfio_hides_is_remembered(cards: TreeBuilder) -> None:
    keys = device(mac="3c:fd:fe:00:00:07")
    first = plan(cards, device=[keys])
    (claim,) = drivers(first)["0000:03:00.0"].claims
    assert claim.value["macs"] == ["3c:fd:fe:00:00:07"]
    path = "/sys/devices/pci0000:00/0000:03:00.0"
    (cards.root / path[1:] / "net/eth7/address").unlink()
    (cards.root / path[1:] / "net/eth7").rmdir()
    (cards.root / "sys/class/net/eth7").unlink()
    cards.bind(path, "vfio-pci")
    assert codes(plan(cards, device=[keys])) == ["device-missing"]
    cards.write(
        "/var/lib/reconcile/owned.json",
        '{"format": 1, "owned": {"devices": {"0000:03:00.0": {"driver": null, '
        '"id": "8086:1533", "macs": ["3c:fd:fe:00:00:07"], "group": ["0000:03:00.0 8086:1533"]}}}}',
    )
    assert refusals(plan(cards, device=[keys])) == []


def test_the_serial_number_of_a_card_tells_twins_apart(cards: TreeBuilder, tmp_path: Path) -> None:
    """It is read from configuration space, and only where a spec names one."""
    for bus, serial in (("01", 0x00154DFFFF135B24), ("02", 0x00154DFFFF135B25)):
        for function in (0, 1):
            path = f"/sys/devices/pci0000:00/0000:{bus}:00.{function}"
            cards.write(f"{path}/config", config_space(serial=serial))
    cards.finish()
    spec, capture = tmp_path / "host.toml", tmp_path / "capture.json"
    table = 'version = 1\n[[device]]\nname = "gpu"\nserial = "00-15-4D-ff-ff-13-5b-25"\n'
    spec.write_text(f"{table}bind = 'vm'\n")
    both = run("--plan", spec, "--root", cards.root)
    assert (both.code, "fits 2 functions" in " ".join(both.out.split())) == (3, True)
    spec.write_text(f"{table}class = '03'\nmultifunction = true\n")
    assert run("--capture", capture, "--root", cards.root).code == 0
    for source in (("--root", cards.root), ("--state", capture)):
        done = run("--plan", spec, *source, "--format", "json")
        found = [c["object"] for c in json.loads(done.out)["changes"] if c["kind"] == "driver"]
        assert (done.code, found) == (0, ["0000:02:00.0", "0000:02:00.1"]), done.out
    # One that sleeps is not woken.
    status = "/sys/devices/pci0000:00/0000:02:00.0/power/runtime_status"
    cards.write(status, "suspended\n")
    done = run("--plan", spec, "--root", cards.root)
    assert "no function has" in " ".join(done.out.split())
