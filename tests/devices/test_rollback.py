"""Kernel state comes back with a rollback: drivers, numbers of VFs; and never under somebody."""

from __future__ import annotations

import pytest

from backends.libvirt import LibvirtState
from backends.libvirt.state import DomainState
from reconciler.model import Plan
from reconciler.observe import HostState
from reconciler.outcome import Outcome
from reconciler.ownership import read
from reconciler.plan_json import to_json
from reconciler.runs import rollback
from reconciler.runs.apply import Apply
from reconciler.runs.journal import Journal
from specs.record import replace
from tests.devices.planning import device, host, state_of
from tests.simulator.host import Bench
from tests.simulator.tree import TreeBuilder

NIC, TWIN, PF = "0000:01:00.0", "0000:02:00.0", "0000:03:00.0"
OVERRIDE = f"/sys/bus/pci/devices/{NIC}/driver_override"


@pytest.fixture
def bench(tree: TreeBuilder) -> Bench:
    """Two identical NICs."""
    host(tree)
    tree.function(NIC, "0x020000", "8086:10d3", driver="e1000e", group=1)
    tree.function(TWIN, "0x020000", "8086:10d3", driver="e1000e", group=2)
    tree.finish()
    return Bench(tree.root)


def planned(bench: Bench, state: HostState | None = None, name: str | None = None) -> Plan:
    """What would undo a run."""
    record = rollback.find(bench.host, name)
    return rollback.plan(bench.host, record, state or state_of(bench.host.reader))


def undo(bench: Bench) -> Outcome:
    """Undo the last run."""
    plan = planned(bench)
    assert not plan.findings, plan.findings
    facts = {"boot": state_of(bench.host.reader).identity.boot_id}
    owned = read(bench.host.reader)
    journal = Journal.start(bench.host, owned, to_json(plan), spec="/s.toml", **facts)
    return Apply(
        bench.host, plan, journal, lambda _: rollback.looked_at_again(bench.host, plan)
    ).run()


def test_a_driver_comes_back_and_goes_again(bench: Bench) -> None:
    before = bench.files(), bench.kernel.read(OVERRIDE)
    assert bench.apply(device=[device(address=NIC)]).good
    bound = bench.files()
    bench.kernel.dynamic_ids["vfio-pci"] = {"8086:10d3"}  # which it keeps until the next boot
    assert undo(bench).good
    assert bench.kernel.driver(NIC) == "e1000e"
    assert (bench.files(), bench.kernel.read(OVERRIDE)) == before
    assert not bench.plan().changes
    assert undo(bench).good, "the rollback itself"
    assert bench.kernel.driver(NIC) == "vfio-pci"
    assert bench.files() == bound
    assert not bench.plan(device=[device(address=NIC)]).changes


def test_a_release_can_be_rolled_back(bench: Bench) -> None:
    """The function is on the host's driver then, and has to leave it first."""
    assert bench.apply(device=[device(address=NIC)]).good
    assert bench.apply().good
    assert bench.kernel.driver(NIC) == "e1000e"
    outcome = undo(bench)
    assert outcome.good, outcome.errors
    assert bench.kernel.driver(NIC) == "vfio-pci"


def test_a_function_that_a_running_vm_has_stays(bench: Bench) -> None:
    """Taking it away would hang in the kernel until the VM ends."""
    assert bench.apply(device=[device(address=NIC)]).good
    slot = "domain='0x0000' bus='0x01' slot='0x00' function='0x0'"
    xml = (
        "<domain type='kvm'><name>vm</name><devices><hostdev mode='subsystem' type='pci'>"
        f"<source><address {slot}/></source></hostdev></devices></domain>"
    )
    uuid = "6f1e2c1e-0000-4000-8000-000000000001"
    domain = DomainState("vm", uuid, "running", True, False, False, False, xml, xml)
    state = state_of(bench.host.reader)
    state = replace(state, libvirt=LibvirtState("qemu:///system", domains=(domain,)))
    (finding,) = planned(bench, state).findings
    assert (finding.code, finding.where) == ("device-in-use", NIC)
    assert "the running VM vm has it" in finding.message


def test_a_driver_that_somebody_gave_back_is_a_conflict(bench: Bench) -> None:
    assert bench.apply(device=[device(address=NIC)]).good
    bench.kernel.write(OVERRIDE, "pci-stub")
    assert OVERRIDE in {f.where for f in planned(bench).findings}
