"""--root: what is done in a tree stays in it, and never reaches the machine that works on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from backends.host import Host
from backends.runner import chroot
from backends.steps import Run, StepError, WriteAttribute
from reconciler.runs.history import runs
from tests.cli import Ran, run
from tests.simulator import grub2
from tests.simulator.hosts import build
from tests.simulator.tree import TreeBuilder

CARD = """[[device]]
name = "gpu"
address = "0000:0b:00.0"
[[device]]
name = "sound"
address = "0000:0b:00.1"
"""
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A workstation whose IOMMU runs, with a pool of hugepages: nothing answers in there."""
    root = tmp_path / "tree"
    build("amd-workstation", root)
    return root


def spec(tmp_path: Path, text: str) -> Path:
    """A spec file."""
    path = tmp_path / "host.toml"
    path.write_text(f"version = 1\n{text}")
    return path


def planned(tmp_path: Path, tree: Path, text: str) -> list[dict[str, Any]]:
    """The changes of a plan for the tree."""
    plan = run("--plan", spec(tmp_path, text), "--root", tree, "--format", "json")
    return list(json.loads(plan.out)["changes"])


@pytest.mark.parametrize("program", ["modprobe", "systemctl", "ip", "/usr/bin/udevadm"])
def test_no_program_that_changes_the_running_system_runs_for_a_tree(
    tmp_path: Path, program: str
) -> None:
    """Not even where a saved plan has it: a chroot shares its kernel with this machine."""
    with pytest.raises(StepError, match="would change this machine"):
        Host(tmp_path).run_step(Run((program, "x")))


def test_a_plan_for_a_tree_has_no_such_program(tmp_path: Path, tree: Path) -> None:
    changes = planned(tmp_path, tree, CARD + "[cpu]\nreserved = '0'\nisolated = '1'\n")
    programs = [s["argv"][0] for c in changes for s in c["steps"] if s["do"] == "run"]
    assert not {"modprobe", "systemctl", "ip", "udevadm"} & set(programs)


@needs_root
def test_what_is_mounted_in_a_tree_is_this_machine(tmp_path: Path) -> None:
    """An installer mounts the real /sys in its target; here a tmpfs stands for it."""
    (tmp_path / "sys").mkdir()
    script = (
        'mount -t tmpfs tmpfs "$1/sys" && touch "$1/sys/attribute" && exec "$2" -c "'
        "import sys; from backends.host import Host;"
        "host = Host(sys.argv[1]);"
        "assert not host.plain('/sys/attribute');"
        "host.write_attribute('/sys/attribute', '1', 5)\" \"$1\""
    )
    apart = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"]
    argv = [*apart, str(tmp_path), sys.executable]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert "would change this machine, not the tree" in done.stderr


def test_plain_attributes_of_a_tree_are_written_in_it(tmp_path: Path) -> None:
    (tmp_path / "sys").mkdir()
    (tmp_path / "sys/attribute").write_text("0\n")
    Host(tmp_path).perform(WriteAttribute("/sys/attribute", "1"))
    assert (tmp_path / "sys/attribute").read_text() == "1"


@needs_root
def test_programs_of_a_tree_cannot_write_to_this_machines_sys(tmp_path: Path) -> None:
    """Where the tree has none of its own, they see it, and nothing that is mounted below it."""
    (tmp_path / "sys").mkdir()
    for name in ("bin", "lib", "lib64", "usr"):
        (tmp_path / name).symlink_to(f"/host/{name}")
    (tmp_path / "host").mkdir()
    place = chroot(str(tmp_path))
    assert place.enter is not None
    child = os.fork()
    if child == 0:
        place.enter()
        try:
            os.open("/sys/kernel/profiling", os.O_WRONLY)
        except OSError as e:
            os._exit(0 if e.errno in (30, 2) and os.path.isdir("/sys/bus") else 1)  # EROFS
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_function_of_a_tree_is_marked_and_waits_for_its_boot(tmp_path: Path, tree: Path) -> None:
    moves = [c for c in planned(tmp_path, tree, CARD) if c["kind"] == "driver"]
    assert len(moves) == 2
    for move in moves:
        assert (move["before"], move["after"]) in {
            ("amdgpu", "vfio-pci"),
            ("snd_hda_intel", "vfio-pci"),
        }
        override = f"/sys/bus/pci/devices/{move['object']}/driver_override"
        assert move["steps"] == [
            {
                "do": "attribute",
                "path": override,
                "value": "vfio-pci",
                "undo": [[override, "\n"], ["/sys/bus/pci/drivers_probe", move["object"]]],
            }
        ]
        (tree / override.lstrip("/")).write_text("vfio-pci\n")
    done = json.loads(run("--plan", spec(tmp_path, CARD), "--root", tree, "--format", "json").out)
    assert not [c for c in done["changes"] if c["kind"] == "driver"]
    waits = {p["object"]: (p["running"], p["configured"]) for p in done["pending"]}
    assert waits["0000:0b:00.0"] == ("amdgpu", "vfio-pci")


def history(tree: Path) -> Ran:
    """What the tree's journals say."""
    return run("--history", "--root", tree)


def test_a_tree_keeps_its_own_journal(tmp_path: Path, tree: Path) -> None:
    run("--apply", spec(tmp_path, "[boot]\nkernel_args = ['audit=0']\n"), "--root", tree)
    assert history(tree).code == 0
    assert list(runs(Host(tree).reader))


def test_what_failed_waits_for_no_reboot(tmp_path: Path, tree: Path) -> None:
    """grub-mkconfig of the tree cannot run, so its change is undone."""
    text = "[boot]\nkernel_args = ['audit=0']\n"
    done = run("--apply", spec(tmp_path, text), "--root", tree, "--format", "json")
    found = json.loads(done.out)
    assert (done.code, [c["result"] for c in found["changes"]]) == (1, ["failed"])
    assert (found["pending"], found["reboot_required"]) == ([], False)
    assert "reboot" not in run("--apply", spec(tmp_path, text), "--root", tree, "-q").out


def test_folders_made_for_the_boot_configuration_go_with_it(tmp_path: Path) -> None:
    root = tmp_path / "tree"
    grub2.fedora(TreeBuilder(root), cmdline=None)
    assert not (root / "etc/kernel").exists()
    before = {p for p in root.rglob("*") if p.is_relative_to(root / "etc")}
    for text in ("[boot]\nkernel_args = ['audit=0']\n", ""):
        assert run("--apply", spec(tmp_path, text), "--root", root).code == 0
        assert (root / "etc/kernel/cmdline").exists() == bool(text)
    assert {p for p in root.rglob("*") if p.is_relative_to(root / "etc")} == before


def test_a_tree_of_a_few_files_may_leave_out_what_every_function_has(
    tmp_path: Path, tree: Path
) -> None:
    overrides = sorted((tree / "sys/devices").rglob("0000:0b:00.*/driver_override"))
    assert len(overrides) == 2
    for override in overrides:
        override.unlink()
    kinds = [c["kind"] for c in planned(tmp_path, tree, CARD)]
    assert kinds.count("driver") == 2
    path = f"/sys/bus/pci/devices/{overrides[0].parent.name}/driver_override"
    Host(tree).perform(WriteAttribute(path, "vfio-pci"))
    assert overrides[0].read_text() == "vfio-pci"
    assert not overrides[1].exists()
    for made_up in (f"{path}n", path.replace("0b:00", "0c:00")):
        with pytest.raises(StepError, match="No such file"):
            Host(tree).perform(WriteAttribute(made_up, "vfio-pci"))


def test_a_tree_has_no_functions_that_a_kernel_would_make(tmp_path: Path) -> None:
    build("sriov-server", tmp_path / "tree")
    text = '[[sriov]]\nname = "f"\naddress = "0000:3b:00.1"\nvfs = 2\n'
    changes = planned(tmp_path, tmp_path / "tree", text)
    steps = [s for c in changes for s in c["steps"] if s["do"] == "attribute"]
    assert "sriov_numvfs" in {s["path"].rpartition("/")[2] for s in steps}
    assert not [s for s in steps if s["path"].endswith("driver_override")]


def test_a_rollback_that_leaves_something_is_done_unless_strict(tmp_path: Path) -> None:
    """What it leaves is the work of a run that was killed before."""
    root = tmp_path / "tree"
    grub2.fedora(TreeBuilder(root), cmdline=None)
    one, two = "kernel_args = ['audit=0']\n", "kernel_args = ['audit=0', 'nosmt']\n"
    assert run("--apply", spec(tmp_path, f"[boot]\n{one}"), "--root", root).code == 0
    (journal,) = root.glob("var/lib/reconcile/runs/*/journal.jsonl")
    journal.write_text(journal.read_text().partition('{"event": "finished"')[0])
    assert run("--apply", spec(tmp_path, f"[boot]\n{two}"), "--root", root).code == 0
    refused = run("--rollback", "--strict", "--root", root)
    assert (refused.code, "rollback-partial" in refused.out) == (3, True)
    done = run("--rollback", "--root", root)
    assert (done.code, "rollback-partial" in done.out) == (0, True)
    assert (root / "etc/kernel/cmdline").read_text().split()[-1] == "audit=0"
