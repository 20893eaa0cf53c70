"""Killed before any step of arming, confirming or taking back: the next run gets it done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backends.host import Host
from backends.steps import Step
from reconciler.runs.recover import recover
from tests.simulator import esp
from tests.simulator.host import ONE_SHOT, Bench, SimHost
from tests.trial import hosts
from tests.trial.hosts import boots, contents

BOOT: dict[str, Any] = {"boot": {"trial": True, "kernel_args": ["mitigations=auto"]}}
HOSTS = {"menu": hosts.grub_menu, "bls": hosts.grub_bls, "systemd-boot": hosts.systemd_boot}


class Killed(BaseException):
    """SIGKILL: nothing of the tool runs any more."""


class Mortal(SimHost):
    """A host on which the tool is killed before a step."""

    def __init__(self, root: Path, lives: int) -> None:
        super().__init__(root)
        self.lives = lives

    def perform(self, step: Step) -> None:
        """See Host."""
        if not self.lives:
            raise Killed
        self.lives -= 1
        super().perform(step)


def attempt(root: Path, lives: int, tables: dict[str, Any]) -> bool:
    """Whether an apply came to its end."""
    bench = Bench(root)
    bench.host = Mortal(root, lives)
    try:
        assert bench.apply(**tables).good
    except Killed:
        return False
    return True


def finish(root: Path, tables: dict[str, Any]) -> None:
    """What the next apply does."""
    bench = Bench(root)
    recover(bench.host, quiet=True)
    assert bench.apply(**tables).good
    assert bench.plan(**tables).changes == ()


def everything(root: Path) -> dict[str, bytes]:
    """What boots, what the firmware remembers, and what is owned."""
    found = contents(root)
    for path in (ONE_SHOT, "var/lib/reconcile/owned.json"):
        if (root / path).exists():
            found[path] = (root / path).read_bytes()
    return found


@pytest.mark.parametrize("kind", HOSTS)
def test_arming(tmp_path: Path, kind: str) -> None:
    whole = HOSTS[kind](tmp_path / "whole").root
    assert attempt(whole, 99, BOOT)
    for lives in range(99):
        root = HOSTS[kind](tmp_path / str(lives)).root
        if attempt(root, lives, BOOT):
            break
        chosen = b"reconcile" in everything(root).get("boot/grub/grubenv", b"")
        assert not chosen, "armed before everything else was there"
        finish(root, BOOT)
        assert everything(root) == everything(whole)
    assert lives >= 5


@pytest.mark.parametrize("kind", HOSTS)
def test_taking_back(tmp_path: Path, kind: str) -> None:
    for lives in range(99):
        root = HOSTS[kind](tmp_path / str(lives)).root
        before = contents(root)
        assert attempt(root, 99, BOOT)
        ended = attempt(root, lives, {})
        if not ended:
            finish(root, {})
        assert contents(root) == before
        assert not (root / ONE_SHOT).exists()
        if ended:
            break
    assert lives >= 4


def test_a_host_that_was_never_told_the_choice_boots_the_default(tmp_path: Path) -> None:
    """Killed between the entry and the choice, and then rebooted: no trial, and it says so."""
    root = hosts.systemd_boot(tmp_path / "root").root
    assert not attempt(root, 4, BOOT)
    boots(root, esp.LINE, "boot-2", by="initrd=\\initrd.img")
    bench = Bench(root)
    recover(bench.host, quiet=True)
    codes = {f.code for f in bench.plan(**BOOT).findings}
    assert "trial-failed" in codes
    assert isinstance(bench.host, Host)
