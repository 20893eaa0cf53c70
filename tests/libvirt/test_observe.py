"""What the real libvirt says, read with one virsh process however many domains there are."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backends.host import Host
from backends.libvirt import LibvirtState, observe_libvirt
from backends.reader import TreeReader
from backends.recorded import CaptureReader, RecordingReader
from reconciler.domains.checks import unavailable
from specs.record import replace
from tests.libvirt.daemon import Daemon, minimal
from tests.simulator.hosts import build

pytestmark = pytest.mark.libvirt

NAMES = (
    "plain",
    "two words",
    "quo'te\"s",
    "100",
    "--all",
    "sem;icolon\\",
    "\u00fcml\u00e4ut",
    "$HOME",
)


def names_and_states(state: LibvirtState) -> dict[str, str]:
    """Name to state of every domain."""
    return {domain.name: domain.state for domain in state.domains}


def inside(daemon: Daemon, code: str) -> str:
    """Python code run where the daemon is the system's own."""
    done = subprocess.run(
        daemon.inside(sys.executable, "-c", code),
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"PYTHONPATH": os.getcwd()},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


COUNT = """
import subprocess, time
from backends.libvirt import observe_libvirt
from backends.reader import Done, TreeReader
calls = []
def run(argv, timeout):
    calls.append(argv)
    done = subprocess.run(argv, capture_output=True, text=True)
    return Done(tuple(argv), done.returncode, done.stdout, done.stderr)
start = time.perf_counter()
state = observe_libvirt(TreeReader("/", run), "qemu:///system")
print(len(calls), len(state.domains), sum(d.inactive is not None for d in state.domains),
      sum(d.live is not None for d in state.domains),
      sum(d.saved is not None for d in state.domains), time.perf_counter() - start)
"""


def test_any_name_is_read(daemon: Daemon) -> None:
    for name in NAMES:
        daemon.virsh("define", "/dev/stdin", stdin=minimal(name.replace("&", "&amp;")))
    state = observe_libvirt(daemon.reader, daemon.uri)
    assert names_and_states(state) == dict.fromkeys(NAMES, "shut off")
    assert all(f"<uuid>{d.uuid}</uuid>" in (d.inactive or "") for d in state.domains)
    assert len(daemon.calls) == 2  # a socket does not say where the definitions lie
    calls, domains, inactive, *_ = inside(daemon, COUNT).split()
    assert (calls, domains, inactive) == ("2", "8", "8")  # "100" could be an id: read by UUID


def test_states(daemon: Daemon) -> None:
    for name in ("running", "paused", "saved", "gone"):
        daemon.virsh("define", "/dev/stdin", stdin=minimal(name))
    daemon.virsh("define", "/dev/stdin", stdin=minimal("off", daemon.disk("off")))
    for name in ("running", "paused", "gone", "saved"):
        daemon.virsh("start", name)
    daemon.virsh("suspend", "paused")
    daemon.virsh("autostart", "off")
    daemon.virsh("managedsave", "saved")
    daemon.virsh("undefine", "gone")
    daemon.virsh("snapshot-create-as", "off", "one")
    state = observe_libvirt(daemon.reader, daemon.uri)
    assert names_and_states(state) == {
        "running": "running",
        "paused": "paused",
        "off": "shut off",
        "saved": "shut off",
        "gone": "running",
    }
    by_name = {d.name: d for d in state.domains}
    assert {n for n, d in by_name.items() if d.autostart} == {"off"}
    assert {n for n, d in by_name.items() if d.managed_save} == {"saved"}
    assert {n for n, d in by_name.items() if d.snapshots} == {"off"}
    assert {n for n, d in by_name.items() if not d.persistent} == {"gone"}
    assert {n for n, d in by_name.items() if d.inactive is None} == {"gone"}
    assert {n for n, d in by_name.items() if d.live} == {"running", "paused", "gone"}
    assert {n for n, d in by_name.items() if d.saved} == {"saved"}
    assert inside(daemon, COUNT).split()[:5] == ["1", "5", "4", "3", "1"]


def test_the_host_is_described(daemon: Daemon) -> None:
    state = observe_libvirt(daemon.reader, daemon.uri)
    assert state.available
    assert "dac" in state.security_models
    assert state.qemu_user not in (None, 0)
    assert state.hypervisor.startswith("QEMU ")
    assert state.version


def test_no_secret_is_read(daemon: Daemon) -> None:
    graphics = "<graphics type='vnc' port='-1' passwd='pa55word'/>"
    daemon.virsh("define", "/dev/stdin", stdin=minimal("vnc", graphics))
    recorder = RecordingReader(daemon.reader)
    state = observe_libvirt(recorder, daemon.uri)
    assert "type='vnc'" in (state.domains[0].inactive or "")
    assert "pa55word" not in repr((recorder.nodes, recorder.programs, state))


def test_a_capture_gives_the_same(daemon: Daemon) -> None:
    daemon.virsh("define", "/dev/stdin", stdin=minimal("a"))
    recorder = RecordingReader(daemon.reader)
    state = observe_libvirt(recorder, daemon.uri)
    replayed = CaptureReader(recorder.nodes, recorder.programs)
    assert observe_libvirt(replayed, daemon.uri) == state


def test_a_definition_cannot_pose_as_another(daemon: Daemon) -> None:
    fake = minimal("fake")
    trap = f"<metadata><x:a xmlns:x='urn:x'><![CDATA[\n@reconcile 11\n{fake}]]></x:a></metadata>"
    daemon.virsh("define", "/dev/stdin", stdin=minimal("trap").replace("<memory", f"{trap}<memory"))
    daemon.virsh("define", "/dev/stdin", stdin=minimal("victim"))
    state = observe_libvirt(daemon.reader, daemon.uri)
    victim = state.domain("victim")
    assert victim is not None
    assert "<name>victim</name>" in (victim.inactive or "")


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("none", "not-asked"),
        ("qemu+unix:///system?socket=/nonexistent", "no-daemon"),
        ("-c", "failed"),
    ],
)
def test_connections_that_fail(daemon: Daemon, uri: str, reason: str) -> None:
    state = observe_libvirt(daemon.reader, uri)
    assert (state.reason, state.available, state.domains) == (reason, False, ())
    assert state.message


def test_without_virsh() -> None:
    assert observe_libvirt(TreeReader("/"), "qemu:///system").reason == "no-virsh"


def test_permission_denied(daemon: Daemon) -> None:
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--clear-groups", "virsh", "-c", daemon.uri, "list"],
        capture_output=True,
        text=True,
    )
    told = replace(daemon.virsh_argv(["true"], None), rc=done.returncode, err=done.stderr)
    state = observe_libvirt(TreeReader("/", lambda argv, timeout: told), daemon.uri)
    assert state.reason == "denied", state.message


def test_a_daemon_that_hangs(daemon: Daemon) -> None:
    host = Host("/", daemon.uri)
    os.kill(daemon.process.pid, signal.SIGSTOP)
    try:
        state = observe_libvirt(host.reader, daemon.uri, timeout=2)
    finally:
        os.kill(daemon.process.pid, signal.SIGCONT)
    assert (state.reason, state.message) == ("hung", "no answer within 2 s")
    assert "journalctl" in unavailable(state, "vm").hint
    assert observe_libvirt(host.reader, daemon.uri).available


def test_embedded_driver(tmp_path: Path, daemon: Daemon) -> None:
    uri = f"qemu:///embed?root={tmp_path}"
    definition = tmp_path / "a.xml"
    definition.write_text(minimal("two words"))
    assert daemon.virsh_argv(["virsh", "-q", "-c", uri, "define", str(definition)], None).rc == 0
    state = observe_libvirt(daemon.reader, uri)
    assert names_and_states(state) == {"two words": "shut off"}
    assert len(daemon.calls) == 1


def test_five_hundred_domains(
    daemon: Daemon, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    batch = []
    for number in range(500):
        file = daemon.folder / f"{number}.xml"
        file.write_text(minimal(f"vm{number}"))
        batch.append(f"define {file}")
    daemon.virsh("; ".join(batch))
    calls, domains, inactive, *_, seconds = inside(daemon, COUNT).split()
    assert (calls, domains, inactive) == ("1", "500", "500")
    start = time.perf_counter()
    for number in range(500):
        daemon.virsh("dumpxml", "--inactive", f"vm{number}")
    loop = time.perf_counter() - start
    with capsys.disabled():
        print(
            f"\n500 domains: one virsh {float(seconds):.2f} s, dumpxml in a loop {loop:.2f} s,"
            f" ratio {loop / float(seconds):.0f}",
            end=" ",
        )
    assert float(seconds) < loop / 3
    assert programs_of_a_plan(daemon, tmp_path) == ["virsh"]


def programs_of_a_plan(daemon: Daemon, folder: Path) -> list[str]:
    """The programs, counted by the kernel, that a plan with a VM starts beside its own Python and
    ip (strace(1): execve calls that succeed)."""
    spec, trace = folder / "host.toml", folder / "trace"
    build("sriov-server", folder / "root")
    spec.write_text('version = 1\n[[vm]]\nname = "vm7"\nvcpu = 2\n')
    plan = [sys.executable, "-m", "reconciler", "--plan", str(spec)]
    options = ["--root", str(folder / "root"), "--connect", "qemu:///system"]
    strace = ["strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=execve", "-o", str(trace)]
    done = subprocess.run(
        daemon.inside(*strace, *plan, *options), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    ran = re.findall(r'execve\("[^"]*/([^"/]+)".* = 0$', trace.read_text(), re.MULTILINE)
    return [name for name in ran if not name.startswith("python")]
