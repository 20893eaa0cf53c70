"""Daemons that are not there, refuse, hang or die, and those of other packagings."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli import Ran
from tests.libvirt.bench import GPU, VM, Bench
from tests.libvirt.daemon import Daemon
from tests.simulator.hosts import build

pytestmark = pytest.mark.libvirt

RECONCILE = (sys.executable, "-m", "reconciler")
# A virsh that does what it is told, and something else beside it.
DIES = """#!/bin/sh
for word; do [ "$word" = define ] && defines=1; done
[ "$defines" != 1 ] || [ {when} != before ] || {{ kill {pid}; sleep 1; }}
{virsh} "$@"; status=$?
[ "$defines" != 1 ] || [ {when} != after ] || {{ kill {pid}; sleep 1; }}
exit $status
"""
NOBODY = """#!/bin/sh
exec setpriv --reuid=65534 --clear-groups {virsh} "$@"
"""


@dataclass
class Shell:
    """The command line as a process of its own, with a virsh of ours before the real one."""

    bench: Bench
    folder: Path

    def virsh(self, script: str, **words: object) -> None:
        self.folder.mkdir(exist_ok=True)
        file = self.folder / "virsh"
        file.write_text(script.format(virsh=shutil.which("virsh"), **words))
        file.chmod(0o755)

    def run(self, mode: str, *tables: str) -> Ran:
        options = ("--root", str(self.bench.folder / "root"), "--connect", self.bench.daemon.uri)
        argv = [*RECONCILE, mode, str(self.bench.spec(*tables)), *options, "--format", "json"]
        env = os.environ | {"PATH": f"{self.folder}:{os.environ['PATH']}"}
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120, env=env)
        return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def shell(daemon: Daemon, tmp_path: Path) -> Shell:
    """No domain yet, and the real virsh alone."""
    build("sriov-server", tmp_path / "root")
    return Shell(Bench(daemon, tmp_path), tmp_path / "bin")


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_daemon_that_dies_under_a_change(shell: Shell, when: str) -> None:
    bench = shell.bench
    uuid = bench.define()
    before = bench.daemon.dump(uuid)
    shell.virsh(DIES, when=when, pid=bench.daemon.process.pid)
    try:
        ran = shell.run("--apply", GPU, VM)
        assert ran.code == 1
        (change,) = json.loads(ran.out)["changes"]
        assert change["result"] == "failed"
        assert "Failed to connect socket" in change["error"]
        refused = shell.run("--apply", GPU, VM)
        assert refused.code == 3
        assert "libvirt-unavailable" in refused.out
    finally:
        bench.daemon.process.wait(30)
        bench.daemon.launch()
    shell.virsh('#!/bin/sh\nexec {virsh} "$@"\n')
    again = shell.run("--apply", GPU, VM)
    assert again.code == 0, again.out
    assert "vcpupin vcpu='3' cpuset='15'" in bench.daemon.dump(uuid)
    assert json.loads(shell.run("--plan", GPU, VM).out)["changes"] == []
    assert shell.run("--apply").code == 0
    assert bench.daemon.dump(uuid) == before


def test_permission_denied(shell: Shell) -> None:
    shell.bench.define()
    shell.virsh(NOBODY)
    ran = shell.run("--plan", GPU, VM)
    assert ran.code == 3
    (found,) = [f for f in json.loads(ran.out)["findings"] if f["code"] == "libvirt-unavailable"]
    assert "ermission denied" in found["message"]
    assert "group libvirt" in found["hint"]
    assert shell.run("--apply", GPU, VM).code == 3


# libvirt's own choice when the URI says nothing (remote driver, mode=auto): virtqemud's socket
# where there is one, else that of libvirtd. Debian has no virtqemud; its socket is only a path.
MODULAR = """
set -e
mv /run/libvirt/libvirt-sock /run/libvirt/virtqemud-sock
trap 'mv /run/libvirt/virtqemud-sock /run/libvirt/libvirt-sock' EXIT
{python} -m reconciler {mode} {spec} --root {root} --connect qemu:///system --format json
"""


def modular(bench: Bench, mode: str, *tables: str) -> Ran:
    """The command line where only the socket of virtqemud is there."""
    script = MODULAR.format(
        python=sys.executable,
        mode=mode,
        spec=bench.spec(*tables),
        root=bench.folder / "root",
    )
    argv = bench.daemon.inside("sh", "-c", script)
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    return Ran(done.returncode, done.stdout, done.stderr)


def test_modular_daemons(shell: Shell) -> None:
    bench = shell.bench
    uuid = bench.define()
    before = bench.daemon.dump(uuid)
    ran = modular(bench, "--apply", GPU, VM)
    assert ran.code == 0, ran.out + ran.err
    assert "vcpupin vcpu='3' cpuset='15'" in bench.daemon.dump(uuid)
    assert json.loads(modular(bench, "--plan", GPU, VM).out)["changes"] == []
    assert modular(bench, "--apply").code == 0
    assert bench.daemon.dump(uuid) == before
