"""From "nothing" over "armed" and "running" to confirmed or over, by the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli import Ran, run
from tests.trial.hosts import OLD, boots, contents, grub_menu, grub_starts

SPEC = 'version = 1\n[boot]\ntrial = true\nkernel_args = ["mitigations=auto"]\n'


class Tree:
    """A host, and specs applied to it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        grub_menu(self.root)
        self.spec = folder / "host.toml"
        self.spec.write_text(SPEC)
        self.empty = folder / "empty.toml"
        self.empty.write_text("version = 1\n")

    def __call__(self, mode: str, *options: object) -> Ran:
        return run(f"--{mode}", *options, "--root", self.root, "--quiet")

    def apply(self) -> Ran:
        """The spec."""
        return self("apply", self.spec)

    def plan(self) -> dict[str, Any]:
        """Of the spec."""
        return dict(json.loads(self("plan", self.spec, "--format", "json").out))

    def line(self) -> str:
        """What the trial entry gives the kernel once its choice is cleared."""
        text = (self.root / "boot/grub/custom.cfg").read_text()
        return str(re.findall(r"linux\s+\S+ (.*)$", text, re.M)[1])

    def reboots(self, boot: str = "boot-2") -> None:
        """Into whatever GRUB was told to start."""
        boots(self.root, self.line() if grub_starts(self.root, boot) else OLD, boot)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A Debian host with GRUB."""
    return Tree(tmp_path)


def codes(plan: dict[str, Any]) -> set[str]:
    """The codes of its findings."""
    return {f["code"] for f in plan["findings"]}


def test_arming_touches_nothing_that_boots_otherwise(tree: Tree) -> None:
    before = contents(tree.root)
    (change,) = tree.plan()["changes"]
    assert (change["id"], change["kind"], change["effective"]) == ("trial", "bootloader", "reboot")
    done = tree.apply()
    assert done.code == 0, done.out
    after = contents(tree.root)
    new = {path for path in after if after[path] != before.get(path)}
    assert new == {
        "boot/grub/custom.cfg",
        "boot/grub/grubenv",
        "etc/systemd/system/reconcile-trial.timer",
        "etc/systemd/system/reconcile-trial.service",
        "etc/systemd/system/reconcile-confirm.service",
    }
    assert "mitigations=auto" in tree.line().split()
    assert "panic=10" in tree.line().split()


def test_armed_it_stays_so(tree: Tree) -> None:
    tree.apply()
    armed = contents(tree.root)
    runs = list((tree.root / "var/lib/reconcile/runs").iterdir())
    plan = tree.plan()
    assert plan["changes"] == []
    assert codes(plan) == {"trial-armed"}
    assert {p["object"] for p in plan["pending"]} == {"kernel-args", "trial"}
    applied = json.loads(tree("apply", tree.spec, "--format", "json").out)
    assert applied["reboot_required"] is True
    assert tree("apply", tree.spec, "--detailed-exitcode").code == 4
    assert contents(tree.root) == armed
    assert list((tree.root / "var/lib/reconcile/runs").iterdir()) == runs


def test_a_choice_that_somebody_cleared_is_made_again(tree: Tree) -> None:
    tree.apply()
    armed = contents(tree.root)
    grub_starts(tree.root, "boot-1")
    assert [c["id"] for c in tree.plan()["changes"]] == ["trial"]
    assert tree.apply().code == 0
    assert b"\nnext_entry=reconcile-trial\n" in contents(tree.root)["boot/grub/grubenv"]
    assert contents(tree.root).keys() == armed.keys()


def test_running(tree: Tree) -> None:
    tree.apply()
    tree.reboots()
    plan = tree.plan()
    assert plan["changes"] == []
    assert codes(plan) == {"trial-running"}
    (pending,) = plan["pending"]
    assert pending["object"] == "trial"
    assert "mitigations=auto" in pending["running"]
    assert "mitigations=auto" not in pending["configured"]
    assert "--confirm" in tree("apply", tree.spec).out
    applied = json.loads(tree("apply", tree.spec, "--format", "json").out)
    assert applied["reboot_required"] is False  # a reboot would end the trial
    assert tree("apply", tree.spec, "--detailed-exitcode").code == 4


@pytest.mark.parametrize("boot", [2, 3])
def test_over(tree: Tree, boot: int) -> None:
    tree.apply()
    for number in range(2, boot + 1):
        tree.reboots(f"boot-{number}")
    boots(tree.root, OLD, "boot-9")
    before = contents(tree.root)
    refused = tree.apply()
    assert refused.code == 3
    assert "trial-failed" in refused.out
    assert contents(tree.root) == before
    assert tree("apply", tree.spec, "--again").code == 0
    tree.reboots("boot-10")
    assert codes(tree.plan()) == {"trial-running"}


def test_after_a_failed_trial_other_arguments_may_be_tried(tree: Tree) -> None:
    tree.apply()
    tree.reboots()
    boots(tree.root, OLD, "boot-3")
    tree.spec.write_text(SPEC.replace("mitigations=auto", "mitigations=off"))
    assert tree.apply().code == 0
    tree.reboots("boot-4")
    assert codes(tree.plan()) == {"trial-running"}


def tried(tree: Tree, when: str) -> None:
    """A trial that is armed, runs, or is over."""
    tree.apply()
    if when != "armed":
        tree.reboots()
    if when == "over":
        boots(tree.root, OLD, "boot-3")


@pytest.mark.parametrize("when", ["armed", "running", "over"])
def test_an_empty_spec_gives_everything_back(tree: Tree, when: str) -> None:
    before = contents(tree.root)
    tried(tree, when)
    done = tree("apply", tree.empty)
    assert done.code == 0, done.out
    assert contents(tree.root) == before
    assert tree("plan", tree.empty, "--detailed-exitcode").code == 0


@pytest.mark.parametrize("when", ["armed", "running", "over"])
def test_rollback_takes_a_trial_back(tree: Tree, when: str) -> None:
    before = contents(tree.root)
    tried(tree, when)
    done = tree("rollback")
    assert done.code == 0, done.out + done.err
    assert contents(tree.root) == before
    assert tree.apply().code == 0
    assert b"\nnext_entry=reconcile-trial\n" in contents(tree.root)["boot/grub/grubenv"]


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ("none", "there is no trial to confirm"),
        ("armed", "armed but not booted yet"),
        ("over", "this boot has the old arguments"),
        ("taken back", "was taken back"),
        ("another", "of another configuration"),
    ],
)
def test_nothing_to_confirm(tree: Tree, when: str, words: str) -> None:
    if when != "none":
        tree.apply()
    if when in ("taken back", "another"):
        tree.reboots()
    if when == "taken back":
        tree("apply", tree.empty)
    if when == "another":
        tree.spec.write_text(SPEC.replace("mitigations=auto", "mitigations=off"))
        tree.apply()
        boots(tree.root, (tree.root / "proc/cmdline").read_text().split(" ", 1)[1], "boot-3")
    if when == "over":
        tree.reboots()
        boots(tree.root, OLD, "boot-3")
    before = contents(tree.root)
    done = tree("confirm")
    assert done.code == 3
    assert words in done.err
    assert contents(tree.root) == before


def test_what_is_there_already_needs_no_trial(tree: Tree) -> None:
    tree.spec.write_text(SPEC.replace("mitigations=auto", "quiet"))
    assert tree.plan()["changes"] == []


def test_options_of_a_trial_go_with_their_mode() -> None:
    assert run("--plan", "--again").code == 64
    assert run("--apply", "--checked").code == 64
