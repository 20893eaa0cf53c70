"""VMs from spec to domain and back, by the command line, with the real driver."""

from __future__ import annotations

import json

import pytest

from tests.cli import run
from tests.libvirt.bench import GPU, VM, Bench
from tests.libvirt.daemon import minimal

pytestmark = pytest.mark.libvirt

SCHEDULER = "<vcpusched vcpus='1' scheduler='fifo' priority='1'/>"


def test_an_existing_domain_and_back(bench: Bench) -> None:
    uuid = bench.define(devices=bench.daemon.disk("win11"))
    before = bench.daemon.dump(uuid)
    plan = bench.plan(GPU, VM)
    (change,) = plan["changes"]
    assert (change["kind"], change["object"], change["effective"]) == ("domain", "win11", "now")
    assert change["after"]["vcpupin"] == "0=2 1=14 2=3 3=15"
    assert change["after"]["hostdev[0000:3b:00.1]"] == "managed=yes"
    assert [step["do"] for step in change["steps"]] == ["define"]
    assert bench.daemon.dump(uuid) == before
    bench.apply(GPU, VM)
    after = bench.daemon.dump(uuid)
    for piece in ("vcpupin vcpu='3' cpuset='15'", "discard='unmap'", "managed='yes'", "<locked/>"):
        assert piece in after
    assert "<iothreads>1</iothreads>" in after
    assert "win11" in bench.daemon.virsh("list", "--all", "--name", "--autostart")
    again = bench.reconcile("--apply", GPU, VM)
    assert (again.code, json.loads(again.out)["changes"]) == (0, [])
    bench.apply()
    assert bench.daemon.dump(uuid) == before
    assert bench.daemon.virsh("list", "--all", "--name", "--autostart").strip() == ""
    assert bench.plan()["changes"] == []
    assert bench.reconcile("--plan").code == 0


def test_a_property_taken_out_is_given_back_and_others_stay(bench: Bench) -> None:
    uuid = bench.define()
    before = bench.daemon.dump(uuid)
    bench.apply(GPU, VM)
    less = VM.replace('emulatorpin = "0-1"\n', "").replace('["gpu"]', "[]")
    bench.apply(GPU, less)
    after = bench.daemon.dump(uuid)
    assert "emulatorpin" not in after
    assert "hostdev" not in after
    assert "vcpupin vcpu='3'" in after
    bench.apply()
    assert bench.daemon.dump(uuid) == before


def test_what_others_change_meanwhile_is_theirs(bench: Bench) -> None:
    uuid = bench.define()
    bench.apply(GPU, VM)
    changed = bench.daemon.dump(uuid).replace("cpuset='0-1'/>", "cpuset='1'/>", 1)
    changed = changed.replace("<devices>", "<devices><watchdog model='i6300esb'/>")
    bench.daemon.redefine(uuid, changed)
    bench.apply()
    after = bench.daemon.dump(uuid)
    assert "<emulatorpin cpuset='1'/>" in after
    assert "watchdog" in after
    assert "vcpupin" not in after
    assert "hostdev" not in after


def test_rollback_brings_the_domain_back(bench: Bench) -> None:
    uuid = bench.define(devices="<graphics type='vnc' port='-1' passwd='pa55word'/>")
    before = bench.daemon.dump(uuid, "--security-info")
    bench.apply(GPU, VM)
    state = (bench.folder / "root/var/lib/reconcile").rglob("*")
    assert not [path for path in state if path.is_file() and b"pa55word" in path.read_bytes()]
    assert bench.daemon.dump(uuid, "--security-info").count("pa55word") == 1
    root = bench.folder / "root"
    ran = run("--rollback", "--root", root, "--connect", bench.daemon.uri, "--yes")
    assert ran.code == 0, ran.err
    assert bench.daemon.dump(uuid, "--security-info") == before


def test_a_missing_domain_with_a_definition_and_back(bench: Bench) -> None:
    vm = VM.replace('name = "win11"', 'name = "win11"\ndefinition = "win11.xml"')
    graphics = "<graphics type='vnc' port='-1' passwd='pa55word'/>"
    (bench.folder / "win11.xml").write_text(minimal("win11", graphics))
    shown = bench.reconcile("--plan", GPU, vm)
    assert "pa55word" not in shown.out
    bench.apply(GPU, vm)
    (uuid,) = bench.daemon.uuids()
    assert "passwd='pa55word'" in bench.daemon.dump(uuid, "--security-info")
    assert "vcpupin vcpu='3' cpuset='15'" in bench.daemon.dump(uuid)
    assert bench.reconcile("--plan", GPU, vm).code == 0
    bench.apply()
    assert bench.daemon.uuids() == []


def test_a_missing_domain(bench: Bench) -> None:
    assert bench.codes(GPU, VM)["vm-missing"] == "refuse"
    assert bench.reconcile("--apply", GPU, VM).code == 3
    vm = VM.replace('name = "win11"', 'name = "win11"\ndefinition = "win11.xml"')
    assert bench.codes(GPU, vm)["vm-missing"] == "refuse"
    (bench.folder / "win11.xml").write_text(minimal("other"))
    assert bench.codes(GPU, vm)["vm-definition"] == "refuse"
    (bench.folder / "win11.xml").write_text("<!DOCTYPE domain [<!ENTITY a 'b'>]><domain/>")
    assert bench.reconcile("--plan", GPU, vm).code == 65


def test_a_definition_with_the_uuid_of_another_domain(bench: Bench) -> None:
    uuid = bench.define("other")
    vm = VM.replace('name = "win11"', 'name = "win11"\ndefinition = "win11.xml"')
    named = minimal("win11").replace("<name>", f"<uuid>{uuid}</uuid><name>")
    (bench.folder / "win11.xml").write_text(named)
    (found,) = [f for f in bench.plan(GPU, vm)["findings"] if f["code"] == "vm-definition"]
    assert found["severity"] == "refuse"
    assert "other" in found["message"]
    assert bench.reconcile("--apply", GPU, vm).code == 3


def test_a_domain_of_ours_goes_and_its_tpm_stays(bench: Bench) -> None:
    tpm = "<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>"
    (bench.folder / "win11.xml").write_text(minimal("win11", tpm))
    bench.apply('[[vm]]\nname = "win11"\ndefinition = "win11.xml"\n')
    (uuid,) = bench.daemon.uuids()
    secrets = bench.daemon.folder / "lib" / "swtpm" / uuid / "tpm2"
    secrets.mkdir(parents=True)
    (secrets / "tpm2-00.permall").write_text("a disk's key")
    bench.apply()
    assert bench.daemon.uuids() == []
    assert (secrets / "tpm2-00.permall").read_text() == "a disk's key"


@pytest.mark.parametrize("held", ["snapshot", "checkpoint", "saved state"])
def test_a_domain_of_ours_that_has_more_stays(bench: Bench, held: str) -> None:
    (bench.folder / "win11.xml").write_text(minimal("win11", bench.daemon.disk("win11")))
    bench.apply('[[vm]]\nname = "win11"\ndefinition = "win11.xml"\n')
    if held == "snapshot":
        bench.daemon.virsh("snapshot-create-as", "win11", "one")
    else:
        bench.daemon.virsh("start", "win11")
    if held == "checkpoint":
        bench.daemon.virsh("checkpoint-create-as", "win11", "one")
        bench.daemon.virsh("destroy", "win11")
    elif held == "saved state":
        bench.daemon.virsh("managedsave", "win11")
    (found,) = [f for f in bench.plan()["findings"] if f["code"] == "vm-kept"]
    assert held in found["message"]
    assert bench.reconcile("--apply").code == 0
    assert "win11" in bench.daemon.virsh("list", "--all", "--name")


def test_two_vms_and_one_device(bench: Bench) -> None:
    bench.define("a")
    bench.define("b")
    vms = [f'[[vm]]\nname = "{n}"\ndevices = ["gpu"]\nautostart = true\n' for n in "ab"]
    assert bench.codes(GPU, *vms)["device-shared"] == "refuse"
    second = vms[1].replace("true", "false")
    assert bench.codes(GPU, vms[0], second)["device-shared"] == "note"
    hostdev = (
        "<hostdev mode='subsystem' type='pci' managed='yes'><source>"
        "<address domain='0' bus='59' slot='0' function='1'/></source></hostdev>"
    )
    bench.define("c", hostdev)
    assert bench.codes(GPU, second.replace('"b"', '"a"'))["device-shared"] == "note"
    bench.daemon.virsh("autostart", "c")
    assert bench.codes(GPU, vms[0])["device-shared"] == "refuse"


def test_a_renamed_domain(bench: Bench) -> None:
    uuid = bench.define()
    before = bench.daemon.dump(uuid)
    bench.apply(GPU, VM)
    bench.daemon.virsh("domrename", "win11", "windows")
    found = [f for f in bench.plan(GPU, VM)["findings"] if f["code"] == "vm-missing"]
    assert "windows" in found[0]["message"]
    assert bench.reconcile("--plan", GPU, VM.replace("win11", "windows")).code == 0
    bench.apply()
    assert bench.daemon.dump(uuid) == before.replace("win11", "windows")


def test_an_undefined_domain_is_forgotten(bench: Bench) -> None:
    bench.define()
    bench.apply(GPU, VM)
    bench.daemon.clear()
    bench.apply()
    assert bench.plan()["changes"] == []
    assert "win11" not in (bench.folder / "root/var/lib/reconcile/owned.json").read_text()


def test_connections(bench: Bench) -> None:
    bench.define()
    assert bench.reconcile("--apply", GPU, VM, connect="none").code == 0
    left = json.loads(bench.reconcile("--plan", GPU, VM, connect="none").out)
    assert "libvirt-left-out" in {f["code"] for f in left["findings"]}
    gone = bench.reconcile("--plan", GPU, VM, connect="qemu+unix:///system?socket=/nonexistent")
    assert gone.code == 3
    assert "libvirt-unavailable" in gone.out
    assert bench.reconcile("--plan", GPU, connect="qemu+unix:///system?socket=/none").code == 0


def test_what_libvirt_would_not_take_is_refused_before(bench: Bench) -> None:
    uuid = bench.define()
    scheduled = bench.daemon.dump(uuid).replace("<os>", f"<cputune>{SCHEDULER}</cputune><os>")
    before = bench.daemon.redefine(uuid, scheduled)
    ran = bench.reconcile("--apply", '[[vm]]\nname = "win11"\nvcpu = 1\n')
    assert ran.code == 3, ran.out
    assert "vm-scheduler" in ran.out
    assert bench.daemon.dump(uuid) == before


def test_a_define_that_fails_is_a_failed_change(bench: Bench) -> None:
    uuid = bench.define()
    before = bench.daemon.dump(uuid)
    ran = bench.reconcile("--apply", '[[vm]]\nname = "win11"\nvcpu = 60000\n')
    assert ran.code == 1
    (change,) = json.loads(ran.out)["changes"]
    assert change["result"] == "failed"
    assert "machine type limit" in change["error"]
    assert bench.daemon.dump(uuid) == before


def test_every_key_of_a_vm(bench: Bench) -> None:
    uuid = bench.define(devices=bench.daemon.disk("win11"))
    before = bench.daemon.dump(uuid)
    everything = """[[vm]]
name = "win11"
devices = ["gpu"]
vcpu = 4
topology = { cores = 2, threads = 2 }
iothreads = 2
memballoon = "none"
cputune = { vcpupin = ["2", "3"], emulatorpin = "0", iothreadpin = ["0", "1"] }
disks = { discard = "unmap" }
features = { kvm = { hidden = true }, hyperv = { vendor_id = "whatever" } }
[vm.memory]
size = "1G"
hugepages = "2M"
numatune = { mode = "preferred", nodeset = "0" }
locked = true
nosharepages = true
source = "memfd"
access = "shared"
allocation = "immediate"
[[vm.shmem]]
name = "looking-glass"
size = "32M"
[[vm.evdev]]
dev = "/dev/input/by-id/kbd"
grab = "all"
repeat = true
grabToggle = "ctrl-ctrl"
[[vm.controller]]
index = 0
queues = 4
iothread = 1
"""
    gpu = GPU + 'rom = { file = "/usr/share/vgabios.rom", bar = true }\n'
    plan = bench.plan(gpu, everything)
    refused = {f["code"] for f in plan["findings"] if f["severity"] == "refuse"}
    assert refused <= {"vm-exceeds-hugepages"}
    (change,) = plan["changes"]
    (step,) = change["steps"]
    bench.daemon.redefine(uuid, step["xml"])
    assert bench.plan(gpu, everything)["changes"] == []
    assert before != bench.daemon.dump(uuid)


def test_a_saved_plan_is_what_is_done(bench: Bench) -> None:
    uuid = bench.define()
    plan = bench.folder / "plan.json"
    spec = bench.spec(GPU, VM)
    options = ("--root", bench.folder / "root", "--connect", bench.daemon.uri)
    assert run("--plan", spec, *options, "--out", plan).code == 0
    assert run("--apply", plan, *options).code == 0
    assert "vcpupin vcpu='3'" in bench.daemon.dump(uuid)
    bench.apply()
    assert run("--plan", bench.spec(GPU, VM), *options, "--out", plan).code == 0
    bench.daemon.virsh("setvcpus", "win11", "1", "--config")
    stale = run("--apply", plan, *options)
    assert stale.code == 3
    assert "stale-plan" in stale.out + stale.err


def test_a_capture_plans_like_the_host(bench: Bench) -> None:
    bench.define(devices="<graphics type='vnc' port='-1' passwd='pa55word'/>")
    capture = bench.folder / "capture.json"
    root = ("--root", bench.folder / "root", "--connect", bench.daemon.uri)
    assert run("--capture", capture, *root).code == 0
    assert "pa55word" not in capture.read_text()
    spec = bench.spec(GPU, VM)
    here = run("--plan", spec, *root, "--format", "json")
    there = run("--plan", spec, "--state", capture, "--format", "json")
    assert json.loads(here.out)["changes"] == json.loads(there.out)["changes"] != []


def test_virtual_functions_to_come(bench: Bench) -> None:
    bench.define()
    fabric = '[[sriov]]\nname = "fabric"\naddress = "0000:3b:00.0"\nvfs = 4\n'
    vm = '[[vm]]\nname = "win11"\ndevices = ["fabric.0", "fabric.3"]\n'
    plan = bench.plan(fabric, vm)
    (change,) = [c for c in plan["changes"] if c["kind"] == "domain"]
    assert change["after"] == {
        "hostdev[0000:3b:02.0]": "managed=no",
        "hostdev[0000:3b:02.3]": "managed=no",
    }
    assert "sriov:0000:3b:00.0" in change["requires"]


def test_a_card_is_one_device_in_the_guest(bench: Bench) -> None:
    uuid = bench.define()
    before = bench.daemon.dump(uuid)
    card = GPU.replace('"0000:3b:00.1"', '"0000:3b:00.0"') + "multifunction = true\n"
    bench.apply(card, '[[vm]]\nname = "win11"\ndevices = ["gpu"]\n')
    after = bench.daemon.dump(uuid)
    assert after.count("<hostdev ") == 2
    assert after.count("multifunction='on'") == before.count("multifunction='on'") + 1
    bench.apply()
    assert bench.daemon.dump(uuid) == before


def first_spec_changes_nothing(bench: Bench) -> str:
    """What ``--init`` prints of the server and its domains, which plans to no change."""
    where = ("--root", bench.folder / "root", "--connect", bench.daemon.uri)
    spec = bench.folder / "first.toml"
    spec.write_text(run("--init", *where).out)
    found = run("--plan", spec, *where, "--detailed-exitcode")
    assert found.code == 0, spec.read_text() + found.out + found.err
    return spec.read_text()


def test_a_first_spec_of_a_host_with_vms_changes_nothing(bench: Bench) -> None:
    bench.define(devices=bench.daemon.disk("win11"))
    assert 'name      = "win11"' in first_spec_changes_nothing(bench)
    bench.apply(GPU, VM)
    assert "is managed by reconcile" in first_spec_changes_nothing(bench)
