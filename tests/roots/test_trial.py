"""Trial boots with the real grub-mkconfig, grub-script-check and grub-editenv."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli import run
from tests.roots.conftest import Fresh
from tests.roots.enter import run_in
from tests.roots.machine import AUDIO, GPU, simulate
from tests.roots.snapshot import snapshot
from tests.roots.test_apply import GRUB, linux_lines, mode

pytestmark = pytest.mark.roots

SPEC = f"""version = 1
[boot]
trial = true
kernel_args = ["mitigations=auto"]
[[device]]
name = "gpu"
address = "{GPU}"
id = "10de:2489"
accept_siblings = ["{AUDIO}"]
"""
WANTED = "intel_iommu=on iommu=pt mitigations=auto"


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """A card for a VM, tried first."""
    path = tmp_path / "host.toml"
    path.write_text(SPEC)
    return path


def trial_line(root: Path) -> str:
    """What the trial entry gives the kernel when its choice was cleared."""
    text = (root / "boot/grub/custom.cfg").read_text()
    (_, new) = re.findall(r"^\s*linux\s+\S+ root=\S+ ro\s*(.*)$", text, re.M)
    return " ".join(new.split())


def next_entry(root: Path) -> str:
    """What GRUB will start once."""
    done = run_in(root, "grub-editenv", "/boot/grub/grubenv", "list", check=True)
    return dict(line.split("=", 1) for line in done.stdout.splitlines()).get("next_entry", "")


def boots_the_trial(root: Path) -> None:
    """What GRUB and the kernel do: the choice is cleared, the trial's line runs."""
    run_in(root, "grub-editenv", "/boot/grub/grubenv", "set", "next_entry=", check=True)
    simulate(root, trial_line(root))


@pytest.mark.parametrize("name", GRUB)
def test_a_trial_that_is_confirmed(fresh_root: Fresh, spec: Path, empty: Path, name: str) -> None:
    root = fresh_root(name)
    before = snapshot(root)
    config = (root / "boot/grub/grub.cfg").read_bytes()
    applied = mode("apply", spec, root)
    assert applied.code == 0, applied.out + applied.err
    assert {p for p, v in snapshot(root).items() if before.get(p) != v} >= {"/boot/grub/custom.cfg"}
    assert (root / "boot/grub/grub.cfg").read_bytes() == config
    assert next_entry(root) == "reconcile-trial"
    run_in(root, "grub-script-check", "/boot/grub/custom.cfg", check=True)
    assert trial_line(root).startswith(f"quiet {WANTED} panic=10 ")
    armed = snapshot(root)
    again = mode("apply", spec, root, "--detailed-exitcode")
    assert again.code == 4, again.out
    assert snapshot(root) == armed

    boots_the_trial(root)
    confirmed = run("--confirm", "--root", root, "--format", "json")
    assert confirmed.code == 0, confirmed.out + confirmed.err
    results = {c["id"]: c["result"] for c in json.loads(confirmed.out)["changes"]}
    assert results.keys() >= {"file:/etc/modprobe.d/reconcile.conf", "kernel-args", "trial"}
    assert set(results.values()) == {"done"}
    assert linux_lines(root)[:2] == [f"quiet {WANTED}"] * 2
    assert not (root / "boot/grub/custom.cfg").exists()
    again = run("--confirm", "--root", root)
    assert again.code == 0
    assert "confirmed already" in again.err

    simulate(root, f"quiet {WANTED}", passed=True)
    assert mode("apply", spec, root).code == 0  # remembers the groups that are known now
    assert mode("plan", spec, root, "--detailed-exitcode").code == 0
    simulate(root, "quiet")
    assert mode("apply", empty, root).code == 0
    after = snapshot(root)
    # GRUB's environment block was made for the trial, and holds nothing any more.
    assert {p for p in after.keys() | before if after.get(p) != before.get(p)} == set()


def test_the_kernel_of_the_trial_goes_away(fresh_root: Fresh, spec: Path) -> None:
    """A default entry that changes arms again; an apply in between leaves the rest alone."""
    root = fresh_root("bookworm")
    assert mode("apply", spec, root).code == 0
    text = (root / "boot/grub/grub.cfg").read_text()
    (root / "boot/grub/grub.cfg").write_text(text.replace(" ro  quiet", " ro  quiet splash"))
    done = mode("apply", spec, root)
    assert done.code == 0, done.out
    assert trial_line(root).startswith(f"quiet splash {WANTED} panic=10 ")
