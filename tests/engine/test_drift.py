"""What somebody else changed of ours is drift: shown as such, and put right by apply alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.session import Session
from reconciler.source import Source
from tests.cli import run
from tests.simulator import vm_host
from tests.simulator.grub2 import ROOT
from tests.trial.hosts import boots, contents, grub_bls

SPEC = """version = 1
[boot]
resume = true
kernel_args = ["nohz=off", "audit=0"]
"""
UNIT = "etc/systemd/system/reconcile-resume.service"
ENTRIES = "boot/loader/entries"
WORDS = "drift: recorded as done"


class Tree:
    """A host in sync with its spec."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.spec = folder / "host.toml"
        grub_bls(self.root)
        self.spec.write_text(SPEC)
        assert run("--apply", self.spec, "--root", self.root).code == 0
        boots(self.root, f"{ROOT} rhgb quiet nohz=off audit=0", "boot-2")
        assert run("--apply", self.spec, "--root", self.root).code == 0
        self.before = contents(self.root)
        assert self.plan() == []

    def plan(self) -> list[dict[str, Any]]:
        """The changes of a plan."""
        out = run("--plan", self.spec, "--root", self.root, "--format", "json").out
        changes: list[dict[str, Any]] = json.loads(out)["changes"]
        return changes

    def put_right(self) -> bool:
        """Whether apply makes everything as it was."""
        assert run("--apply", self.spec, "--root", self.root).code == 0
        return contents(self.root) == self.before


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Applied and booted."""
    return Tree(tmp_path)


@pytest.mark.parametrize("edit", ["gone", "other"])
def test_a_file_of_ours(tree: Tree, edit: str) -> None:
    unit = tree.root / UNIT
    unit.unlink() if edit == "gone" else unit.write_text("[Service]\n")
    (change,) = tree.plan()
    assert (change["object"], change["drift"]) == (f"/{UNIT}", True)
    assert change["because"] == "boot.resume"
    for format_ in ("text", "markdown", "html"):
        shown = run("--plan", tree.spec, "--root", tree.root, "--format", format_)
        assert WORDS in " ".join(shown.out.split()), format_
    assert tree.put_right()


def test_an_argument_of_ours(tree: Tree) -> None:
    """The reason is the spec, which wants it still."""
    for entry in (tree.root / ENTRIES).iterdir():
        entry.write_text(entry.read_text().replace(" nohz=off", ""))
    (change,) = tree.plan()
    assert (change["kind"], change["drift"]) == ("kernel-args", True)
    assert change["because"].startswith("boot.kernel_args")
    assert {line["sign"] for line in change["details"]} == {"-", "+"}, "the lines as they stand"
    assert tree.put_right()


def test_what_the_spec_changes_is_no_drift(tree: Tree) -> None:
    tree.spec.write_text(SPEC.replace("audit=0", "audit=1"))
    assert not any("drift" in change for change in tree.plan())


def test_an_argument_that_somebody_doubled(tree: Tree) -> None:
    """It is once on the line again, and not because it would be "no longer in the spec"."""
    for entry in (tree.root / ENTRIES).iterdir():
        entry.write_text(entry.read_text().replace(" quiet", " quiet audit=0"))
    (change,) = tree.plan()
    assert change["because"].startswith("boot.kernel_args")
    (gone, back) = {line["text"].partition("quiet ")[2] for line in change["details"][:2]}
    assert {gone, back} == {"audit=0 nohz=off audit=0", "nohz=off audit=0"}


def test_a_property_of_a_domain_that_we_had_set(tmp_path: Path) -> None:
    reader = vm_host.reader(tmp_path / "root")
    spec = tmp_path / "host.toml"
    spec.write_text("version = 1\n[[vm]]\nname = 'cad-1'\ncputune = { emulatorpin = '0' }\n")
    session = Session.open(str(spec), Source(reader, None, "qemu:///system"))
    (first,) = session.plan().changes
    assert not first.drift
    (again,) = session.plan(session.observe().owned.with_claims(first.claims)).changes
    assert again.drift
