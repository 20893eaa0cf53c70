"""Findings about VMs as a pipeline meets them: code, severity, place and exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from backends.libvirt import LibvirtState
from reconciler.domains.checks import host_findings
from tests.cli import run
from tests.libvirt.bench import GPU, Bench
from tests.libvirt.daemon import Daemon
from tests.simulator.hosts import build

ISOLATED = '[cpu]\nisolated = "2-3,14-15"\nreserved = "0-1,12-13"\n'


@pytest.fixture
def bench(daemon: Daemon, tmp_path: Path) -> Bench:
    """Two domains that are off."""
    build("sriov-server", tmp_path / "root")
    bench = Bench(daemon, tmp_path)
    for name in ("a", "b"):
        bench.define(name)
    return bench


def vm(name: str, keys: str = "") -> str:
    return f'[[vm]]\nname = "{name}"\n{keys}\n'


def nothing(daemon: Daemon) -> None:
    """The domains are as they are."""


def running(daemon: Daemon) -> None:
    daemon.virsh("start", "a")


def gone(daemon: Daemon) -> None:
    daemon.virsh("start", "a")
    daemon.virsh("undefine", "a")


BOTH = 'devices = ["gpu"]\nautostart = true'
PINS = 'cputune = { vcpupin = ["2", "3"] }'
POOL = '[[hugepages.pages]]\nsize = "2M"\ncount = 8\nboot = false\n'
PAGES = 'memory = { size = "64M", hugepages = "2M" }'
CASES = [
    ("vm-missing", "refuse", "vm[0]", nothing, vm("c")),
    ("vm-missing", "refuse", "vm[0]", nothing, vm("c", 'definition = "none.xml"')),
    ("device-shared", "refuse", "vm[1].devices", nothing, GPU + vm("a", BOTH) + vm("b", BOTH)),
    ("vm-transient", "refuse", "vm[0]", gone, vm("a", "vcpu = 1")),
    ("vm-running", "warn", "vm[0]", running, vm("a", "vcpu = 1")),
    ("unconfined", "warn", "vm", nothing, vm("a", "vcpu = 1")),
    ("unpinned", "warn", "vm[0].cputune", nothing, ISOLATED + vm("a", "vcpu = 1")),
    (
        "pin-overlap",
        "warn",
        "vm[1].cputune.vcpupin",
        nothing,
        ISOLATED + vm("a", PINS) + vm("b", PINS),
    ),
    (
        "pin-outside-isolated",
        "warn",
        "vm[0].cputune.vcpupin",
        nothing,
        ISOLATED + vm("a", PINS.replace("3", "4")),
    ),
    (
        "cpu-out-of-range",
        "refuse",
        "vm[0].cputune.vcpupin[1]",
        nothing,
        vm("a", PINS.replace("3", "999")),
    ),
    ("vm-exceeds-hugepages", "refuse", "vm[0].memory", nothing, POOL + vm("a", PAGES)),
    ("vm-vcpupin", "warn", "vm[0]", nothing, vm("a", 'cputune = { vcpupin = ["0", "1", "2"] }')),
    ("vm-iothreads", "refuse", "vm[0]", nothing, vm("a", "controller = [{ iothread = 2 }]")),
]


@pytest.mark.libvirt
@pytest.mark.parametrize(("code", "severity", "where", "prepare", "spec"), CASES)
def test_findings(
    bench: Bench,
    code: str,
    severity: str,
    where: str,
    prepare: Callable[[Daemon], None],
    spec: str,
) -> None:
    prepare(bench.daemon)
    before = [bench.daemon.dump(uuid) for uuid in bench.daemon.uuids() if prepare is not gone]
    ran = bench.reconcile("--plan", spec)
    found = {f["code"]: f for f in json.loads(ran.out)["findings"]}
    assert (found[code]["severity"], found[code]["where"]) == (severity, where)
    assert found[code]["message"]
    assert found[code]["hint"]
    options = ("--root", bench.folder / "root", "--connect", bench.daemon.uri)
    strict = run("--apply", bench.spec(spec), *options, "--strict")
    assert strict.code == 3
    assert (ran.code == 3) == (severity == "refuse")
    after = [bench.daemon.dump(uuid) for uuid in bench.daemon.uuids() if prepare is not gone]
    assert after == before


@pytest.mark.parametrize(
    ("user", "models", "codes"),
    [
        (64055, ("apparmor", "dac"), []),
        (64055, ("selinux",), []),
        (0, ("apparmor",), ["qemu-root"]),
        (64055, ("dac",), ["unconfined"]),
    ],
)
def test_the_host_of_the_vms(user: int, models: tuple[str, ...], codes: list[str]) -> None:
    state = LibvirtState("qemu:///system", security_models=models, qemu_user=user)
    assert [f.code for f in host_findings(state)] == codes
