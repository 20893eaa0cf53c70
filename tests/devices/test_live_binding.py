"""Devices applied to a simulated host: bound, verified, given back, undone when it fails."""

from __future__ import annotations

import pytest

from backends.libvirt import LibvirtState
from backends.libvirt.state import DomainState
from reconciler.observe import HostState
from specs.record import replace
from tests.devices.planning import device, drivers, host, plan_on, state_of
from tests.simulator.host import Bench
from tests.simulator.tree import TreeBuilder

NIC, TWIN, USB = "0000:01:00.0", "0000:02:00.0", "0000:03:00.0"


@pytest.fixture
def bench(tree: TreeBuilder) -> Bench:
    """Two identical NICs."""
    host(tree)
    tree.function(NIC, "0x020000", "8086:10d3", driver="e1000e", group=1)
    tree.function(TWIN, "0x020000", "8086:10d3", driver="e1000e", group=2)
    tree.finish()
    return Bench(tree.root)


def test_bound_verified_and_nothing_left_to_do(bench: Bench) -> None:
    spec = {"device": [device(address=NIC)]}
    outcome = bench.apply(**spec)
    assert outcome.good, outcome.errors
    assert bench.kernel.driver(NIC) == "vfio-pci"
    assert bench.kernel.driver(TWIN) == "e1000e"
    assert bench.plan(**spec).changes == ()
    assert ("modprobe", "vfio-pci") in bench.host.ran


def test_given_back_when_it_leaves_the_spec(bench: Bench) -> None:
    before = bench.files()
    made = {c.id: c.effective for c in bench.plan(device=[device(address=NIC)]).changes}
    assert bench.apply(device=[device(address=NIC)]).good
    back = {c.id: c.effective for c in bench.plan().changes}
    assert {key: made[key] for key in back if key in made} == {
        key: when for key, when in back.items() if key in made
    }, "a change back takes effect when the change did"
    outcome = bench.apply()
    assert outcome.good, outcome.errors
    assert bench.kernel.driver(NIC) == "e1000e"
    assert bench.kernel.read(f"/sys/bus/pci/devices/{NIC}/driver_override") == "(null)\n"
    assert bench.files() == before
    assert bench.plan().changes == ()
    assert bench.host.reader.read_text("/var/lib/reconcile/owned.json") is None or (
        "devices" not in (bench.host.reader.read_text("/var/lib/reconcile/owned.json") or "")
    )


def test_given_back_while_vfio_still_has_its_id(tree: TreeBuilder) -> None:
    """vfio-pci keeps the ids= of its loading, and may be asked before the host driver is."""
    host(tree)
    tree.function(USB, "0x0c0330", "1b36:000d", driver="xhci_hcd", group=3)
    tree.finish()
    bench = Bench(tree.root)
    assert bench.apply(device=[device(address=USB)]).good
    bench.kernel.dynamic_ids["vfio-pci"] = {"1b36:000d"}
    outcome = bench.apply()
    assert outcome.good, outcome.errors
    assert bench.kernel.driver(USB) == "xhci_hcd"
    assert bench.kernel.read(f"/sys/bus/pci/devices/{USB}/driver_override") == "(null)\n"


def test_a_function_without_driver_goes_back_to_none(bench: Bench) -> None:
    bench.kernel.write(f"/sys/bus/pci/devices/{NIC}/driver/unbind", NIC)
    assert bench.apply(device=[device(address=NIC)]).good
    assert bench.apply().good
    assert bench.kernel.driver(NIC) is None


def test_a_driver_that_does_not_take_it_is_a_failure_and_all_is_back(bench: Bench) -> None:
    bench.kernel.refuses.add((NIC, "vfio-pci"))
    outcome = bench.apply(device=[device(address=NIC)])
    assert outcome.results[f"driver:{NIC}"] == "failed"
    assert "looking again shows" in outcome.errors[f"driver:{NIC}"]
    assert [e for e in outcome.errors if e.startswith("undo")] == []
    assert bench.kernel.driver(NIC) == "e1000e"
    assert bench.kernel.read(f"/sys/bus/pci/devices/{NIC}/driver_override") == "(null)\n"


def test_a_driver_that_hangs_is_left_alone(bench: Bench) -> None:
    bench.kernel.hangs.add("e1000e")
    outcome = bench.apply(device=[device(address=NIC), device(address=TWIN) | {"name": "two"}])
    for address in (NIC, TWIN):
        assert outcome.results[f"driver:{address}"] == "failed"
    assert "did not finish within 30 s" in outcome.errors[f"driver:{NIC}"]
    assert bench.kernel.driver(NIC) == "e1000e"
    after = [path for path, value in bench.kernel.writes if NIC in (path + value)]
    assert after[-1].endswith("driver/unbind"), "no write to the device after the one that hangs"


def test_a_missing_module_fails_before_anything_moves(bench: Bench) -> None:
    bench.kernel.modules.clear()
    outcome = bench.apply(device=[device(address=NIC)])
    assert outcome.results[f"driver:{NIC}"] == "failed"
    assert bench.kernel.driver(NIC) == "e1000e"
    assert bench.kernel.writes == []


def test_a_vm_may_have_it_open_so_it_stays_until_the_reboot(bench: Bench) -> None:
    assert bench.apply(device=[device(address=NIC)]).good
    bench.kernel.tree.write("/sys/module/vfio_pci/refcnt", "1\n")
    plan = bench.plan()
    assert [c.object for c in plan.changes if c.kind == "driver"] == []
    assert [p.object for p in plan.pending if p.object == NIC] == [NIC]
    assert any("a running VM may have it" in f.message for f in plan.findings)
    bench.kernel.tree.write("/sys/module/vfio_pci/refcnt", "0\n")
    assert bench.apply().good
    assert bench.kernel.driver(NIC) == "e1000e"


def test_a_built_in_vfio_does_not_tell_so_it_waits_too(bench: Bench) -> None:
    assert bench.apply(device=[device(address=NIC)]).good
    (bench.root / "sys/module/vfio_pci/refcnt").unlink()
    assert bench.apply().good
    assert bench.kernel.driver(NIC) == "vfio-pci"
    assert [p.object for p in bench.plan().pending] == [NIC]


def test_hardware_that_is_gone_is_forgotten(bench: Bench) -> None:
    assert bench.apply(device=[device(address=NIC)]).good
    bench.kernel.tree.write(f"/sys/bus/pci/devices/{NIC}/device", "0x1533\n")
    writes = len(bench.kernel.writes)
    assert bench.apply().good
    assert len(bench.kernel.writes) == writes
    assert bench.plan().changes == ()


def test_bound_by_vm_only_gives_it_back(bench: Bench) -> None:
    assert bench.apply(device=[device(address=NIC)]).good
    spec = {"device": [device(address=NIC, bind="vm")]}
    assert bench.apply(**spec).good
    assert bench.kernel.driver(NIC) == "e1000e"
    assert bench.plan(**spec).changes == ()


DOMAIN = """<domain type="kvm"><name>win11</name><uuid>9f0d3c1b-2a4e-4f67-89ab-cdef01234567</uuid>
<devices><hostdev mode="subsystem" type="pci" managed="yes"><source>
<address domain="0x0000" bus="0x01" slot="0x00" function="0x0"/></source></hostdev></devices>
</domain>"""


def running(state: HostState, xml: str) -> HostState:
    """With this domain running."""
    uuid = "9f0d3c1b-2a4e-4f67-89ab-cdef01234567"
    domain = DomainState("win11", uuid, "running", True, False, False, False, xml, xml)
    return replace(state, libvirt=LibvirtState("qemu:///system", domains=(domain,)))


def test_a_running_vm_keeps_what_it_has(bench: Bench) -> None:
    assert bench.apply(device=[device(address=NIC), device(address=TWIN) | {"name": "two"}]).good
    bench.kernel.tree.write("/sys/module/vfio_pci/refcnt", "1\n")
    state = running(state_of(bench.host.reader), DOMAIN)
    found = plan_on(state)
    assert list(drivers(found)) == [TWIN], "the one open function is accounted for"
    (note,) = [f for f in found.findings if f.code == "release-at-reboot"]
    assert "the running VM win11 has it" in note.message
    more = replace(state, iommu=replace(state.iommu, vfio_users=2))
    assert drivers(plan_on(more)) == {}
    unknown = replace(state, iommu=replace(state.iommu, vfio_users=None))
    assert list(drivers(plan_on(unknown))) == [TWIN]


def test_a_member_of_a_group_that_a_vm_owns_stays(bench: Bench) -> None:
    assert bench.apply(device=[device(address=NIC)]).good
    other = "0000:01:00.1"
    bench.kernel.tree.function(other, "0x040300", "8086:0001", driver="vfio-pci", group=1)
    state = running(state_of(bench.host.reader), DOMAIN.replace('function="0x0"', 'function="0x1"'))
    (note,) = [f for f in plan_on(state).findings if f.code == "release-at-reboot"]
    assert f"has {other} of its IOMMU group" in note.message
