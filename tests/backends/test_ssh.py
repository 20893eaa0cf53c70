"""The SSH session that the tool was started in, through sudo too."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.reader import TreeReader
from backends.ssh import ssh_connection
from tests.cli import run
from tests.devices.planning import host
from tests.simulator.tree import TreeBuilder

SESSION = "192.0.2.1 50000 192.0.2.9 2222"


def process(tree: TreeBuilder, pid: str, parent: str, environ: str = "HOME=/root") -> None:
    """A process in proc(5)."""
    tree.write(f"/proc/{pid}/stat", f"{pid} (a (b) c) S {parent} 1 1 0 -1\n")
    tree.write(f"/proc/{pid}/environ", environ.replace(",", "\0") + "\0")


def test_the_variable_wins(tmp_path: Path) -> None:
    assert ssh_connection({"SSH_CONNECTION": SESSION}, TreeReader(tmp_path)) == SESSION


def test_under_sudo_the_shell_above_is_asked(tmp_path: Path) -> None:
    tree = TreeBuilder(tmp_path)
    process(tree, "self", "30")
    process(tree, "30", "20", "SUDO_USER=me")
    process(tree, "20", "1", f"TERM=xterm,SSH_CONNECTION={SESSION},LANG=C")
    process(tree, "1", "0", "SSH_CONNECTION=of another")
    assert ssh_connection({}, TreeReader(tmp_path)) == SESSION
    process(tree, "20", "1")
    assert ssh_connection({}, TreeReader(tmp_path)) is None


def test_no_processes_and_a_circle_of_parents_end(tmp_path: Path) -> None:
    assert ssh_connection({}, TreeReader(tmp_path)) is None
    tree = TreeBuilder(tmp_path)
    process(tree, "self", "7")
    process(tree, "7", "7")
    assert ssh_connection({}, TreeReader(tmp_path)) is None


def test_a_plan_keeps_the_card_of_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = host(TreeBuilder(tmp_path / "root"))
    nic = tree.function("0000:03:00.0", "0x020000", "8086:1521", driver="igb", group=3)
    tree.nic("eth0", nic)
    tree.nic("eth1", tree.function("0000:05:00.0", "0x020000", "8086:1539", driver="igb", group=5))
    tree.default_route("eth1")
    tree.subnet("eth0", "000200C0", "00FFFFFF")
    tree.finish()
    tree.write("/proc/net/fib_trie", "Local:\n  |-- 192.0.2.9\n     /32 host LOCAL\n")
    spec = tmp_path / "host.toml"
    spec.write_text('version = 1\n[[device]]\nname = "d"\naddress = "0000:03:00.0"\n')
    plan = ("--plan", spec, "--root", tree.root)
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    before = run(*plan)
    monkeypatch.setenv("SSH_CONNECTION", SESSION)
    during = run(*plan)
    assert (before.code, during.code) == (0, 3)
    assert "the host needs 0000:03:00.0: this SSH session (eth0)" in " ".join(during.out.split())
