"""``[[sriov]]`` applied to a simulated host."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from backends.formats.sriov_rule import count_rule, driver_rule, interface_rule
from backends.pci import observe_pci, vf_addresses
from backends.pci.vf_settings import VfSettings, parse_links
from reconciler.model import Severity
from specs.values import PciAddress
from tests.devices.planning import codes, device, host, refusals
from tests.simulator.host import Bench
from tests.simulator.tree import TreeBuilder, offers_vfs

PF = "0000:3b:00.0"
RULES = "etc/udev/rules.d/90-reconcile-sriov.rules"


@pytest.fixture
def bench(tree: TreeBuilder) -> Bench:
    """A NIC with 8 VFs to offer, and vfio-pci that tells its users."""
    host(tree)
    path = tree.function(
        PF,
        "0x020000",
        "8086:1572",
        driver="i40e",
        group=50,
        **offers_vfs(8, "154c"),
    )
    tree.nic("ens1", path, "3c:fd:fe:00:00:01")
    tree.finish()
    return Bench(tree.root)


def sriov(vfs: int = 2, **keys: Any) -> dict[str, Any]:
    """The spec."""
    return {"sriov": [{"name": "fabric", "address": PF, "vfs": vfs, **keys}]}


def vf(number: int) -> str:
    """Routing id of the PF + 16 + number."""
    return f"0000:3b:02.{number}"


def count(bench: Bench) -> int:
    """How many there are."""
    return int((bench.kernel.read(f"/sys/bus/pci/devices/{PF}/sriov_numvfs") or "").strip())


def test_vfs_are_made_and_given_to_vfio(bench: Bench) -> None:
    outcome = bench.apply(**sriov())
    assert outcome.good, outcome.errors
    assert count(bench) == 2
    assert [bench.kernel.driver(vf(n)) for n in range(2)] == ["vfio-pci", "vfio-pci"]
    assert bench.kernel.read(f"/sys/bus/pci/devices/{PF}/sriov_drivers_autoprobe") == "0\n"
    assert bench.plan(**sriov()).changes == ()
    text = bench.files()[RULES].decode()
    assert 'ATTR{device/sriov_numvfs}="2"' in text
    assert f'KERNEL=="{vf(0)}|{vf(1)}"' in text


def test_another_count_goes_through_zero(bench: Bench) -> None:
    assert bench.apply(**sriov(2)).good
    seen = len(bench.kernel.writes)
    outcome = bench.apply(**sriov(4))
    assert outcome.good, outcome.errors
    counts = [v for p, v in bench.kernel.writes[seen:] if p.endswith("sriov_numvfs")]
    assert counts == ["0", "4"]
    assert bench.kernel.driver(vf(3)) == "vfio-pci"


def test_taken_out_of_the_spec_everything_is_as_before(bench: Bench) -> None:
    before = bench.files()
    assert bench.apply(**sriov()).good
    outcome = bench.apply()
    assert outcome.good, outcome.errors
    assert count(bench) == 0
    assert bench.kernel.read(f"/sys/bus/pci/devices/{PF}/sriov_drivers_autoprobe") == "1\n"
    assert bench.files() == before
    assert bench.plan().changes == ()


def test_host_drivers_keep_autoprobe(bench: Bench) -> None:
    assert bench.apply(**sriov(vf_driver="iavf")).good
    assert bench.kernel.driver(vf(0)) == "iavf"
    assert bench.kernel.read(f"/sys/bus/pci/devices/{PF}/sriov_drivers_autoprobe") == "1\n"
    assert "driver_override" not in bench.files()[RULES].decode()


def test_vfs_that_took_another_driver_go_with_their_number(bench: Bench) -> None:
    """What is known of a VF's driver is no work to do once the VF is gone."""
    assert bench.apply(**sriov(vf_driver="iavf")).good
    assert bench.apply(**sriov()).good
    outcome = bench.apply()
    assert outcome.good, outcome.errors
    assert count(bench) == 0
    assert bench.plan().changes == ()
    assert bench.apply(**sriov(vf_driver="iavf")).good
    assert bench.apply(**sriov()).good
    outcome = bench.apply(**sriov(4, vf_driver="iavf"))
    assert outcome.good, outcome.errors
    assert bench.kernel.driver(vf(3)) == "iavf"
    assert bench.plan(**sriov(4, vf_driver="iavf")).changes == ()


def test_vfs_of_guests_go_to_a_driver_of_the_host(bench: Bench) -> None:
    assert bench.apply(**sriov()).good
    wanted = sriov(vf_driver="iavf")
    (autoprobe,) = [c for c in bench.plan(**wanted).changes if c.kind == "sriov"]
    assert (autoprobe.field, autoprobe.before, autoprobe.after) == (
        "drivers_autoprobe",
        False,
        True,
    )
    outcome = bench.apply(**wanted)
    assert outcome.good, outcome.errors
    assert [bench.kernel.driver(vf(n)) for n in range(2)] == ["iavf", "iavf"]
    assert bench.plan(**wanted).changes == ()
    assert bench.apply(**sriov()).good
    assert bench.kernel.driver(vf(1)) == "vfio-pci"
    assert bench.plan(**sriov()).changes == ()
    assert bench.apply().good
    assert count(bench) == 0
    assert bench.plan().changes == ()


def test_vfs_that_are_there_already_change_their_driver_only(bench: Bench) -> None:
    bench.kernel.write(f"/sys/bus/pci/devices/{PF}/sriov_numvfs", "2")
    outcome = bench.apply(**sriov())
    assert outcome.good, outcome.errors
    assert bench.kernel.driver(vf(1)) == "vfio-pci"
    assert bench.apply().good
    assert count(bench) == 2
    assert bench.kernel.driver(vf(1)) == "iavf"
    assert bench.plan().changes == ()


def test_a_driver_that_grants_fewer_fails_and_leaves_none(bench: Bench) -> None:
    bench.kernel.vf_limit = 1
    outcome = bench.apply(**sriov(2))
    assert outcome.results[f"sriov:{PF}"] == "failed"
    assert count(bench) == 0
    assert bench.kernel.read(f"/sys/bus/pci/devices/{PF}/sriov_drivers_autoprobe") == "1\n"


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ({"vfs": 9}, "vfs-exceed-total"),
        ({"address": "0000:04:00.0"}, "vfs-exceed-total"),
        ({"id": "8086:9999"}, "device-mismatch"),
    ],
)
def test_refusals(bench: Bench, keys: dict[str, Any], code: str) -> None:
    table = {"name": "fabric", "address": PF, "vfs": 2, **keys}
    plan = bench.plan(sriov=[table])
    assert (codes(plan), codes(plan, Severity.WARN)) == ([code], [])


def test_a_physical_function_of_a_vm_makes_no_vfs(bench: Bench) -> None:
    found = bench.plan(**sriov(), device=[device(address=PF)])
    assert "device-not-assignable" in codes(found)
    bench.kernel.write(f"/sys/bus/pci/devices/{PF}/driver/unbind", PF)
    assert codes(bench.plan(**sriov())) == ["pf-without-driver"]


def test_vfs_in_use_are_not_taken_away(bench: Bench) -> None:
    assert bench.apply(**sriov(2)).good
    bench.kernel.tree.write("/sys/module/vfio_pci/refcnt", "1\n")
    (finding,) = refusals(bench.plan(**sriov(4)))
    assert finding.code == "vfs-in-use"
    assert vf(0) in finding.message
    gone = bench.plan()
    assert [c for c in gone.changes if c.kind == "sriov"] == []
    assert [p.object for p in gone.pending] == [PF]


def test_a_vf_with_an_address_is_in_use(bench: Bench) -> None:
    bench.kernel.write(f"/sys/bus/pci/devices/{PF}/sriov_numvfs", "2")
    path = bench.host.reader.realpath(f"/sys/bus/pci/devices/{vf(0)}")
    bench.kernel.tree.nic("ens1v0", path)
    route = "ens1v0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
    head = (bench.root / "proc/net/route").read_text()
    bench.kernel.tree.write("/proc/net/route", head + route)
    found = bench.plan(**sriov(4))
    assert "vfs-in-use" in codes(found)
    assert "pf-carries-link" in codes(found, Severity.WARN)
    # The same number of them, but given to VMs: that would take it from the host at the next boot.
    (finding,) = refusals(bench.plan(**sriov(2)))
    assert (finding.code, finding.where) == ("device-in-use", "sriov[0]")
    assert finding.message == f"the host needs {vf(0)}: default route (ens1v0)"
    assert codes(bench.plan(**sriov(2, vf_driver="iavf"))) == []


def test_attributes_that_are_not_there_are_not_written(bench: Bench) -> None:
    (bench.root / f"sys/devices/pci0000:00/{PF}/sriov_drivers_autoprobe").unlink()
    (change,) = [c for c in bench.plan(**sriov(2)).changes if c.kind == "sriov"]
    assert not [s for s in change.steps if "autoprobe" in s.preview()]
    # Then the host's driver takes the VFs first, and they move after that.
    assert bench.apply(**sriov(2)).good
    assert bench.apply(**sriov(2)).good
    assert bench.plan(**sriov(2)).changes == ()


def test_a_card_that_does_not_say_where_vfs_will_be(bench: Bench) -> None:
    for name in ("sriov_offset", "sriov_stride"):
        bench.kernel.tree.write(f"/sys/bus/pci/devices/{PF}/{name}", "0\n")
    found = bench.plan(**sriov(2))
    assert codes(found, Severity.WARN) == ["vfs-not-placed"]
    assert codes(bench.plan(**sriov(9)), Severity.WARN) == []  # vfs-exceed-total says enough
    assert [c.after for c in found.changes if c.kind == "sriov"] == [2]
    bench.kernel.tree.write(f"/sys/bus/pci/devices/{PF}/sriov_offset", "16\n")
    bench.kernel.tree.write(f"/sys/bus/pci/devices/{PF}/sriov_stride", "1\n")
    assert codes(bench.plan(**sriov(2)), Severity.WARN) == []


@pytest.mark.parametrize("place", ["/usr/bin/ip", "/sbin/ip"])
def test_the_rule_names_ip_where_it_is(bench: Bench, place: str) -> None:
    bench.kernel.tree.write(place, "")
    assert bench.apply(**sriov(1, vf=[{"index": 0, "trust": True}])).good
    text = bench.files()[RULES].decode()
    assert f'RUN+="{place} link set dev $name vf 0 trust on"' in text


def test_vfs_wait_for_an_argument_that_the_plan_takes_away(bench: Bench) -> None:
    shutil.rmtree(bench.root / "sys/class/iommu")
    shutil.rmtree(bench.root / "sys/kernel/iommu_groups")
    for name in ("0000:04:00.0", PF):
        (bench.root / f"sys/devices/pci0000:00/{name}/iommu_group").unlink()
    bench.kernel.tree.write("/proc/cmdline", "quiet intel_iommu=off\n")
    assert codes(bench.plan(**sriov(2))) == ["no-iommu"]
    boot = {"absent_kernel_args": ["intel_iommu=off"]}
    assert codes(bench.plan(**sriov(2), boot=boot)) == []


def test_settings_of_vfs(bench: Bench) -> None:
    table = {"index": 1, "mac": "02:00:00:00:00:07", "vlan": 5, "trust": True, "spoofchk": False}
    outcome = bench.apply(**sriov(2, vf=[table]))
    assert outcome.good, outcome.errors
    words = "ip link set dev ens1 vf 1 mac 02:00:00:00:00:07 vlan 5 spoofchk off trust on"
    assert tuple(words.split()) in bench.host.ran
    assert bench.plan(**sriov(2, vf=[table])).changes == ()
    assert f"/usr/sbin/{words.replace('ens1', '$name')}" in bench.files()[RULES].decode()
    bench.host.vf_settings["ens1"][1]["trust"] = False
    (change,) = bench.plan(**sriov(2, vf=[table])).changes
    assert (change.before["trust"], change.after["trust"]) == (False, True)


def test_settings_are_given_back_while_the_vfs_stay(bench: Bench) -> None:
    assert bench.apply(**sriov(2)).good
    bench.host.vf_settings["ens1"] = {
        0: {"address": "00:00:00:00:00:00", "vlan_list": [{"vlan": 3}], "trust": False}
    }
    table = {"index": 0, "mac": "02:00:00:00:00:01", "vlan": 5, "trust": True}
    assert bench.apply(**sriov(2, vf=[table])).good
    outcome = bench.apply(**sriov(2))
    assert outcome.good, outcome.errors
    words = "ip link set dev ens1 vf 0 mac 00:00:00:00:00:00 vlan 3 trust off"
    assert tuple(words.split()) in bench.host.ran
    assert bench.plan(**sriov(2)).changes == ()


def test_without_iommu_only_the_file_is_prepared(bench: Bench) -> None:
    for path in (bench.root / "sys/devices").rglob("iommu_group"):
        path.unlink()
    shutil.rmtree(bench.root / "sys/kernel/iommu_groups")
    found = bench.plan(**sriov())
    assert "groups-unknown" in codes(found, Severity.WARN)
    assert [c.kind for c in found.changes] == ["file"]
    assert PF in [p.object for p in found.pending]


def test_addresses_of_vfs_to_come(bench: Bench) -> None:
    physical = observe_pci(bench.host.reader).functions[PciAddress.parse(PF)]
    assert [str(a) for a in vf_addresses(physical, 9)][-2:] == ["0000:3b:02.7", "0000:3b:03.0"]


def test_rules_text() -> None:
    assert count_rule("0000:06:00.0", "1b36", "0010", 4, autoprobe=False) == (
        'ACTION=="add|bind", SUBSYSTEM=="pci", KERNEL=="0000:06:00.0", DRIVER=="?*", '
        'ATTR{vendor}=="0x1b36", ATTR{device}=="0x0010", ATTR{sriov_numvfs}=="0", '
        'ATTR{sriov_drivers_autoprobe}="0", ATTR{sriov_numvfs}="4"\n'
    )
    text = interface_rule("0000:3b:00.0", "8086", "1572", 2, autoprobe=True, commands=["/x y"])
    assert text.endswith('ATTR{device/sriov_numvfs}="2", RUN+="/x y"\n')
    assert "$kernel" in driver_rule(["0000:3b:02.0"], "vfio-pci")


def test_what_iproute2_tells_of_vfs() -> None:
    text = (
        '[{"ifname":"lo"},{"ifname":"ens1","vfinfo_list":[{"vf":0,"link_type":"ether",'
        '"address":"AA:BB:CC:DD:EE:FF","vlan_list":[{"vlan":7,"qos":1}],"rate":{},'
        '"spoofchk":true,"link_state":"auto","trust":false},{"vf":1,"mac":"00:00:00:00:00:00"}]}]'
    )
    assert parse_links(text) == {
        "ens1": {
            0: VfSettings("aa:bb:cc:dd:ee:ff", 7, False, True),
            1: VfSettings("00:00:00:00:00:00", 0, None, None),
        }
    }
    assert parse_links("no json") == parse_links("{}") == {}
