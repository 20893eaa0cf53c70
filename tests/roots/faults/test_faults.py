"""Killed, full, broken: at every call that changes the host, nothing is torn, nothing is lost.

$RECONCILE_FAULTS says how many faults are tried (default 30, chosen at random with the seed
$RECONCILE_FAULTS_SEED, default 1), or ``full``: every point with every kind of fault.
$RECONCILE_FAULTS_CALLS (``rename,fsync``) looks at these system calls only.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.roots.conftest import Fresh
from tests.roots.faults import quick_tools
from tests.roots.faults.points import ERRORS, KILL, Fault, points, run_tool
from tests.roots.snapshot import snapshot
from tests.roots.test_apply import SPEC

pytestmark = pytest.mark.roots

# What an apply changes, and what a copy of it must be reset to between two faults.
_CHANGED = ("etc", "boot", "var/lib/reconcile", "run")
_BOOT = ("/boot/grub/grub.cfg", "/etc/default/grub.d/zz-reconcile.cfg")


@dataclass
class Bench:
    """A tree that can be put back, and the states before and after an undisturbed run."""

    root: Path
    kept: Path
    spec: Path
    before: dict[str, str]
    after: dict[str, str]
    owned: bytes

    @property
    def argv(self) -> tuple[object, ...]:
        """The run that is disturbed."""
        return ("--apply", self.spec, "--root", self.root, "--quiet")

    def reset(self) -> None:
        """The tree as it was before."""
        put_back(self.kept, self.root)

    def trouble(self, fault: Fault) -> str:
        """What is wrong after a disturbed run and the next one; empty: it survived."""
        self.reset()
        hit = run_tool(self.argv, "-o", "/dev/null", "-e", fault.inject)
        wait_for_orphans(self.root)
        if torn := self._torn(hit.returncode):
            return torn
        again = run_tool(self.argv)
        if again.returncode:
            return f"the next run ended with {again.returncode}: {again.stdout}{again.stderr}"
        now = snapshot(self.root)
        if now != self.after:
            return f"the next run left {differing(now, self.after)}"
        if (self.root / "var/lib/reconcile/owned.json").read_bytes() != self.owned:
            return "the next run left another record of what is owned"
        return ""

    def _torn(self, code: int) -> str:
        now = snapshot(self.root)
        torn = [
            path
            for path in {*self.before, *self.after}
            if now.get(path) not in (self.before.get(path), self.after.get(path))
        ]
        if torn:
            return f"neither old nor new: {sorted(torn)}"
        news = {now.get(path) == self.after.get(path) for path in _BOOT}
        if code in (0, 1) and len(news) > 1:
            return f"the run ended (exit {code}) with a boot configuration that is half new"
        if code == 0 and now != self.after:
            return f"exit 0, but not done: {differing(now, self.after)}"
        return ""


def differing(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """The paths that are not the same in both."""
    return sorted(p for p in {*one, *other} if one.get(p) != other.get(p))


def put_back(kept: Path, root: Path) -> None:
    """Replace everything that a run changes by what was kept."""
    for name in _CHANGED:
        shutil.rmtree(root / name, ignore_errors=True)
        if (kept / name).exists():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-a", kept / name, root / name], check=True)


def wait_for_orphans(root: Path) -> None:
    """Programs that a killed run had started end by themselves; wait for them."""
    for _ in range(300):
        if not any(_lives_in(process, root) for process in Path("/proc").glob("[0-9]*")):
            return
        time.sleep(0.1)
    raise AssertionError(f"programs are still running in {root}")


def _lives_in(process: Path, root: Path) -> bool:
    try:
        return os.readlink(process / "root") == str(root)
    except OSError:
        return False


@pytest.fixture
def bench(fresh_root: Fresh, tmp_path: Path) -> Bench:
    """A tree with quick tools, and what an undisturbed run makes of it."""
    root = fresh_root("bookworm")
    quick_tools.install(root)
    spec = tmp_path / "host.toml"
    spec.write_text(SPEC)
    kept = root.with_name("kept")
    put_back(root, kept)
    before = snapshot(root)
    bench = Bench(root, kept, spec, before, {}, b"")
    done = run_tool(bench.argv)
    assert done.returncode == 0, done.stdout + done.stderr
    bench.after = snapshot(root)
    bench.owned = (root / "var/lib/reconcile/owned.json").read_bytes()
    bench.reset()
    assert snapshot(root) == before
    return bench


def chosen(faults: list[Fault]) -> list[Fault]:
    """All of them, or a sample that is the same every time."""
    wanted = os.environ.get("RECONCILE_FAULTS") or "30"
    if calls := os.environ.get("RECONCILE_FAULTS_CALLS"):
        faults = [fault for fault in faults if fault.point.call in calls.split(",")]
    if wanted == "full" or int(wanted) >= len(faults):
        return faults
    seed = int(os.environ.get("RECONCILE_FAULTS_SEED") or "1")
    return random.Random(seed).sample(faults, int(wanted))


def survey(
    faults: Iterable[Fault], trouble: Callable[[Fault], str]
) -> tuple[int, list[tuple[Fault, str]]]:
    """How many were tried, and those that were not survived."""
    tried, lost = 0, []
    for fault in faults:
        tried += 1
        if what := trouble(fault):
            lost.append((fault, what))
    return tried, lost


def test_every_point_of_an_apply_is_survived(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = points(bench.argv, bench.root, tmp_path / "trace")
    assert len(found) > 50
    faults = [Fault(point, how) for point in found for how in (KILL, *ERRORS)]
    tried, lost = survey(chosen(faults), bench.trouble)
    with capsys.disabled():
        print(f"\n{len(found)} points, {len(faults)} faults; {tried} tried, ", end="")
        print(f"{tried - len(lost)} survived")
    assert not lost, "\n".join(f"{fault}\n    {what[:1500]}" for fault, what in lost)


def test_the_harness_sees_a_torn_file(bench: Bench) -> None:
    """A test of the test: what is neither old nor new is found."""
    (bench.root / "etc/fstab").write_text("half")
    assert "/etc/fstab" in bench._torn(137)
