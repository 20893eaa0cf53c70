"""What becomes of a domain: decided from its definition, the spec and the record alone."""

from __future__ import annotations

import pytest

from backends.formats import domain_xml
from backends.libvirt import DomainState
from backends.steps import DefineDomain
from reconciler.domains import changes
from reconciler.domains.changes import Target
from reconciler.domains.live import at_once, live_pins
from reconciler.domains.pending import pending
from reconciler.domains.record import PROPERTIES, Managed, records
from reconciler.domains.wanted import spec_path
from reconciler.model import Change, Effective
from reconciler.ownership import Owned
from reconciler.render.plan_words import awaited
from specs.record import replace

XML = """<domain type='kvm'>
  <name>a</name>
  <uuid>00000000-0000-4000-8000-000000000001</uuid>
  <memory unit='KiB'>1048576</memory>
  <vcpu placement='static'>2</vcpu>
  <cputune>
    <emulatorpin cpuset='0'/>
  </cputune>
  <devices/>
</domain>
"""
UUID = "00000000-0000-4000-8000-000000000001"
OFF = DomainState("a", UUID, "shut off", True, False, False, False, XML)
PINS = {"vcpupin": "0=2 1=3"}


def target(
    properties: dict[str, str], autostart: bool | None = None, where: str = "vm[0]"
) -> Target:
    """A VM that wants these properties."""
    return Target(where, "a", properties, autostart=autostart)


def done(domain: DomainState, change: Change | None, owned: Owned) -> tuple[DomainState, Owned]:
    """The domain and the record after a change."""
    assert change is not None
    for step in change.steps:
        assert isinstance(step, DefineDomain)
        mark = domain.autostart if step.autostart is None else step.autostart
        domain = replace(domain, inactive=step.xml, autostart=mark)
    return domain, owned.with_claims(change.claims)


def test_a_change_is_made_once_and_undone_to_the_letter() -> None:
    change = changes.existing(OFF, target(PINS, autostart=True), None)
    domain, owned = done(OFF, change, Owned())
    record = records(owned)[UUID]
    assert record.values == {"vcpupin": "0=2 1=3", "autostart": "yes"}
    assert changes.existing(domain, target(PINS, autostart=True), record) is None
    back, owned = done(domain, changes.undone(domain, record), owned)
    assert domain_xml.read(back.inactive or "", ["vcpupin"]) == {"vcpupin": None}
    assert not back.autostart
    assert owned.sections == {}


def test_a_property_is_given_up_after_it_was_given_back() -> None:
    change = changes.existing(OFF, target({**PINS, "memory": "2G"}), None)
    domain, owned = done(OFF, change, Owned())
    less = changes.existing(domain, target(PINS), records(owned)[UUID])
    assert less is not None
    given_up = [c for c in less.claims if c.value is None]
    assert [(c.section, c.key) for c in given_up] == [(PROPERTIES, f"{UUID} memory")]
    assert less.before == {"memory": "2G"}
    assert less.after == {"memory": "1G"}
    assert less.details[1] == ("+", "memory: 1G", "vm[0].memory.size")


def test_what_was_so_before_is_not_owned() -> None:
    assert changes.existing(OFF, target({"emulatorpin": "0"}), None) is None


def test_what_was_changed_since_is_left_to_whoever_did_it() -> None:
    domain, owned = done(OFF, changes.existing(OFF, target(PINS), None), Owned())
    theirs = (domain.inactive or "").replace("cpuset='3'", "cpuset='9'")
    change = changes.undone(replace(domain, inactive=theirs), records(owned)[UUID])
    assert change is not None
    assert (change.field, change.steps) == ("record", ())
    assert owned.with_claims(change.claims).sections == {}


def test_a_withheld_property_is_neither_set_nor_taken_away() -> None:
    hostdev = {"hostdev[0000:01:00.0]": "managed=any"}
    domain, owned = done(OFF, changes.existing(OFF, target(hostdev), None), Owned())
    waiting = Target("vm[0]", "a", {}, withheld=frozenset(hostdev))
    assert changes.existing(OFF, waiting, None) is None
    assert changes.existing(domain, waiting, records(owned)[UUID]) is None


def test_iothreads_that_pins_brought_stay_with_them() -> None:
    pinned = {"iothreadpin": "1=0 2=1"}
    domain, owned = done(OFF, changes.existing(OFF, target(pinned), None), Owned())
    record = records(owned)[UUID]
    assert set(record.values) == {"iothreads", "iothreadpin"}
    assert changes.existing(domain, target(pinned), record) is None


@pytest.mark.parametrize(("state", "effective"), [("shut off", "now"), ("running", "vm-restart")])
def test_when_a_change_takes_effect(state: str, effective: str) -> None:
    domain = replace(OFF, state=state, live=None if state == "shut off" else XML)
    change = changes.existing(domain, target(PINS), None)
    assert change is not None
    assert change.effective.value == effective
    marked = changes.existing(domain, target({}, autostart=True), None)
    assert marked is not None
    assert marked.effective is Effective.NOW
    assert marked.field == "autostart"


def test_a_new_domain_has_the_same_uuid_every_time() -> None:
    definition = XML.replace(f"  <uuid>{UUID}</uuid>\n", "")
    one, same, other = (
        changes.new(target(PINS), definition, machine, "/a.xml") for machine in ("m", "m", "n")
    )
    assert one == same
    assert one.after != other.after
    (step,) = one.steps
    assert isinstance(step, DefineDomain)
    assert (step.definition, domain_xml.uuid(step.xml or "")) == ("/a.xml", one.after)
    record = records(Owned().with_claims(one.claims))[one.after]
    assert record.defined
    assert record.values == PINS


def test_a_dropped_property_of_a_domain_of_ours_is_that_of_its_definition() -> None:
    change = changes.new(target(PINS), XML, "m", "/a.xml")
    domain, owned = done(OFF, change, Owned())
    less = changes.existing(domain, target({}), records(owned)[UUID])
    domain, owned = done(domain, less, owned)
    assert "vcpupin" not in (domain.inactive or "")
    assert records(owned)[UUID].defined


def test_a_running_vm_waits_for_what_it_lacks() -> None:
    domain, owned = done(OFF, changes.existing(OFF, target(PINS), None), Owned())
    running = replace(domain, state="running", live=XML)
    record = records(owned)[UUID]
    (waits,) = pending(running, target(PINS), record)
    assert waits.said == ("vCPUs 0-1 on CPUs 2 3", "")
    assert awaited(waits) == "nothing → vCPUs 0-1 on CPUs 2 3"
    assert (waits.object, waits.configured, waits.running) == ("a vcpupin", "0=2 1=3", "")
    assert list(pending(replace(running, live=domain.inactive), target(PINS), record)) == []
    assert list(pending(domain, target(PINS), record)) == []


def test_live_pins_are_commands_for_one_domain_by_its_uuid() -> None:
    wanted = target({**PINS, "emulatorpin": "1", "iothreadpin": "1=0-1", "memory": "2G"})
    assert live_pins("qemu:///system", OFF, wanted) == ()
    (change,) = live_pins("qemu:///system", replace(OFF, state="running", live=XML), wanted)
    assert [step.to_json()["argv"][4:] for step in change.steps] == [
        ["vcpupin", f"--domain={UUID}", "--vcpu", "0", "--cpulist", "2", "--live"],
        ["vcpupin", f"--domain={UUID}", "--vcpu", "1", "--cpulist", "3", "--live"],
        ["emulatorpin", f"--domain={UUID}", "--cpulist", "1", "--live"],
        ["iothreadpin", f"--domain={UUID}", "--iothread", "1", "--cpulist", "0-1", "--live"],
    ]
    running = replace(OFF, state="running", live=XML)
    only, more = (
        at_once(changes.existing(running, target(p), None)) for p in (PINS, {**PINS, "vcpu": "4"})
    )
    assert only is not None
    assert more is not None
    assert (only.effective.value, more.effective.value) == ("now", "vm-restart")


def test_paths_in_the_spec() -> None:
    assert spec_path("vm[1]", "vcpupin") == "vm[1].cputune.vcpupin"
    assert spec_path("vm[1]", "rom.file[0000:01:00.0]") == "vm[1].devices"
    assert spec_path("vm[1]", "shmem[lg]") == "vm[1].shmem"


def test_a_record_without_a_domain_is_given_up() -> None:
    record = Managed(UUID, "a", XML, values=PINS)
    owned = Owned().with_claims(record.claims(PINS))
    assert owned.with_claims(changes.forgotten(record).claims).sections == {}
