"""VMs that run, or have a saved state, while their definition changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.libvirt.bench import GPU, VM, Bench

pytestmark = pytest.mark.libvirt

POOL = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")


def test_a_running_domain_is_left_running(bench: Bench) -> None:
    bench.define()
    bench.daemon.virsh("start", "win11")
    number = bench.daemon.virsh("domid", "win11")
    pins = '[[vm]]\nname = "win11"\n[vm.cputune]\nvcpupin = ["0", "1"]\n'
    plan = bench.plan(pins)
    assert [c["effective"] for c in plan["changes"]] == ["vm-restart"]
    assert bench.codes(pins)["vm-running"] == "warn"
    bench.apply(pins)
    assert bench.daemon.virsh("domid", "win11") == number
    plan = bench.plan(pins)
    assert plan["changes"] == []
    assert plan["pending"] == [
        {
            "object": "win11 vcpupin",
            "configured": "0=0 1=1",
            "running": "",
            "effective": "vm-restart",
        }
    ]
    assert bench.reconcile("--plan", pins).code == 4
    bench.daemon.virsh("destroy", "win11")
    bench.daemon.virsh("start", "win11")
    assert bench.reconcile("--plan", pins).code == 0


def test_pins_of_a_running_domain_when_asked_for(bench: Bench) -> None:
    bench.define()
    bench.daemon.virsh("start", "win11")
    pins = '[[vm]]\nname = "win11"\n[vm.cputune]\nvcpupin = ["0", "1"]\nlive = true\n'
    assert bench.plan(pins)["pending"] == []
    assert "vm-running" not in bench.codes(pins)
    bench.apply(pins)
    assert "vcpupin vcpu='1' cpuset='1'" in bench.daemon.virsh("dumpxml", "win11")
    assert bench.reconcile("--plan", pins).code == 0


def test_managed_save_and_snapshots(bench: Bench) -> None:
    bench.define(devices=bench.daemon.disk("win11"))
    bench.daemon.virsh("snapshot-create-as", "win11", "one")
    bench.daemon.virsh("start", "win11")
    bench.daemon.virsh("managedsave", "win11")
    codes = bench.codes(GPU, VM)
    assert codes["vm-managed-save"] == "warn"
    assert codes["vm-snapshots"] == "note"


def test_a_saved_state_goes_on_being_told_until_it_is_gone(bench: Bench) -> None:
    bench.define(devices=bench.daemon.disk("win11"))
    bench.daemon.virsh("start", "win11")
    bench.daemon.virsh("managedsave", "win11")
    pins = '[[vm]]\nname = "win11"\n[vm.cputune]\nvcpupin = ["0", "1"]\n'
    bench.apply(pins)
    plan = bench.plan(pins)
    assert plan["changes"] == []
    assert [(p["object"], p["running"]) for p in plan["pending"]] == [("win11 vcpupin", "")]
    assert "vm-managed-save" in {f["code"] for f in plan["findings"]}
    assert bench.reconcile("--plan", pins).code == 4
    bench.daemon.virsh("managedsave-remove", "win11")
    assert bench.reconcile("--plan", pins).code == 0
    assert "vm-managed-save" not in bench.codes(pins)


def test_a_transient_domain(bench: Bench) -> None:
    bench.define()
    bench.daemon.virsh("start", "win11")
    bench.daemon.virsh("undefine", "win11")
    assert bench.codes(GPU, VM)["vm-transient"] == "refuse"


def test_a_guest_starts_with_pins_and_huge_pages(bench: Bench) -> None:
    had = int(POOL.read_text())
    POOL.write_text(str(had + 64))
    try:
        _start(bench)
    finally:
        bench.daemon.clear()
        POOL.write_text(str(had))


def _start(bench: Bench) -> None:
    bench.define()
    vm = """[[vm]]
name = "win11"
[vm.cputune]
vcpupin = ["1", "0"]
emulatorpin = "0-1"
[vm.memory]
size = "64M"
hugepages = "2M"
"""
    pages = '[[hugepages.pages]]\nsize = "2M"\ncount = 64\nboot = false\n'
    plan = bench.plan(vm, pages)
    xml = next(c for c in plan["changes"] if c["kind"] == "domain")["steps"][0]["xml"]
    bench.daemon.redefine(bench.daemon.uuids()[0], xml)
    bench.daemon.virsh("start", "win11")
    live = bench.daemon.virsh("vcpupin", "win11").split()
    assert live[-4:] == ["0", "1", "1", "0"]
    free = POOL.with_name("free_hugepages")
    assert int(free.read_text()) <= int(POOL.read_text()) - 32
