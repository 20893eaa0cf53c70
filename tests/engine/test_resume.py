"""Going on after a reboot: what was left, once per boot, and never for ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.modes.resume import TRIES
from reconciler.runs.left import PATH
from tests.cli import Ran, run
from tests.simulator.grub2 import ROOT
from tests.trial.hosts import boots, contents, grub_bls

SPEC = 'version = 1\n[boot]\nresume = true\nkernel_args = ["nohz=off"]\n'
OLD = f"{ROOT} rhgb quiet"


class Tree:
    """A host whose kernel arguments take effect at a boot."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        grub_bls(self.root)
        self.spec = folder / "host.toml"
        self.spec.write_text(SPEC)

    def apply(self, *words: object) -> Ran:
        """``reconcile --apply WORDS``."""
        return run("--apply", *words, "--root", self.root)

    @property
    def left(self) -> bool:
        """Whether something is left for a boot."""
        return (self.root / PATH.lstrip("/")).exists()


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Applied: a reboot is due."""
    tree = Tree(tmp_path)
    assert tree.apply(tree.spec).code == 0
    assert tree.left
    return tree


def test_before_the_reboot_there_is_nothing_to_do(tree: Tree) -> None:
    before = contents(tree.root)
    done = tree.apply("--resume")
    assert (done.code, done.out) == (0, "")
    assert "has not come yet" in done.err
    assert tree.left
    assert contents(tree.root) == before


def test_after_it_the_rest_is_done_and_forgotten(tree: Tree) -> None:
    (tree.root / "etc/kernel/cmdline").write_text(f"{OLD} nohz=off edited=1\n")
    tree.spec.touch()
    boots(tree.root, f"{OLD} nohz=off", "boot-2")
    done = tree.apply("--resume")
    assert done.code == 0, done.out + done.err
    assert not tree.left
    again = tree.apply("--resume")
    assert again.code == 0
    assert "nothing was left" in again.err


def test_it_gives_up(tree: Tree) -> None:
    for boot in range(TRIES):
        boots(tree.root, OLD, f"boot-{boot + 2}")
        assert tree.apply("--resume").code == 0
        assert tree.left
    boots(tree.root, OLD, "boot-9")
    done = tree.apply("--resume")
    assert done.code == 1
    assert "given up" in done.err
    assert not tree.left
    assert tree.apply("--resume").code == 0


def test_a_failing_try_counts(tree: Tree) -> None:
    boots(tree.root, OLD, "boot-2")
    tree.spec.write_text(SPEC.replace("version = 1", "version = 2"))
    assert tree.apply("--resume").code == 65
    assert '"tries": 1' in (tree.root / PATH.lstrip("/")).read_text()


def test_another_spec_is_not_applied(tree: Tree) -> None:
    boots(tree.root, OLD, "boot-2")
    tree.spec.write_text(SPEC.replace("nohz=off", "nosmt"))
    before = contents(tree.root)
    done = tree.apply("--resume")
    assert done.code == 3
    assert "has changed since" in done.err
    assert contents(tree.root) == before
    assert not tree.left


def test_the_unit_comes_and_goes(tree: Tree, tmp_path: Path) -> None:
    unit = tree.root / "etc/systemd/system/reconcile-resume.service"
    assert "ConditionPathExists=/var/lib/reconcile/resume.json" in unit.read_text()
    assert "ExecStart=/usr/local/bin/reconcile --apply --resume" in unit.read_text()
    (tmp_path / "empty.toml").write_text("version = 1\n")
    assert tree.apply(tmp_path / "empty.toml").code == 0
    assert not [p for p in contents(tree.root) if "resume" in p]
    assert not tree.left


def test_a_run_that_was_killed_before_it_could_write_it_down(tree: Tree) -> None:
    """All is done and journalled: the next apply changes nothing but that."""
    (tree.root / PATH.lstrip("/")).unlink()
    before = contents(tree.root)
    assert tree.apply(tree.spec).code == 0
    assert tree.left
    assert contents(tree.root) == before


def test_what_waits_no_more_is_forgotten_by_any_apply(tree: Tree) -> None:
    boots(tree.root, f"{OLD} nohz=off", "boot-2")
    assert tree.apply(tree.spec).code == 0
    assert not tree.left


def test_nothing_is_left_where_the_spec_does_not_ask(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.spec.write_text(SPEC.replace("resume = true\n", ""))
    assert tree.apply(tree.spec).code == 0
    assert not tree.left


@pytest.mark.parametrize("text", ["", "[]", "{", '{"spec": 1}'])
def test_a_damaged_note_is_none(tree: Tree, text: str) -> None:
    (tree.root / PATH.lstrip("/")).write_text(text)
    assert tree.apply("--resume").code == 0


def test_it_warns_where_nobody_would_go_on(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    (tree.root / "usr/local/bin/reconcile").unlink()
    assert "resume-unwatched" in run("--plan", tree.spec, "--root", tree.root).out


def test_wrong_usage() -> None:
    assert run("--plan", "--resume").code == 64
    assert run("--apply", "x.toml", "--resume").code == 64
