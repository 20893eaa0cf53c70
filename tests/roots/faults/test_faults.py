"""Killed, full, broken: at every call that changes the host, nothing is torn, nothing is lost.

$RECONCILE_FAULTS says how many faults are tried of each kind of run (default 12, chosen at random
with the seed $RECONCILE_FAULTS_SEED, default 1), or ``full``: every point with every kind of fault.
$RECONCILE_FAULTS_CALLS (``rename,fsync``) looks at these system calls only. $RECONCILE_FAULTS_LOG
is a file to which every fault that was not survived is added at once.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.roots.conftest import Fresh
from tests.roots.faults import trees
from tests.roots.faults.bench import Bench
from tests.roots.faults.points import ERRORS, KILL, Fault, points
from tests.roots.faults.tool import Tool
from tests.roots.flavours import FLAVOURS
from tests.roots.test_apply import SPEC

_MEMORY = "/dev/shm"  # an fsync costs nothing there, and every run has dozens
pytestmark = pytest.mark.roots

RUNS = [
    ("bookworm", "apply"),
    ("sdboot12", "apply"),
    ("bookworm", "undo"),
    ("sdboot12", "undo"),
    ("bookworm", "rollback"),
    ("sdboot12", "rollback"),
]


@dataclass
class Specs:
    """One that wants a device and an argument, and one that wants nothing."""

    wanted: Path
    empty: Path


@pytest.fixture
def specs(tmp_path: Path) -> Specs:
    """Both, in files."""
    wanted, empty = tmp_path / "host.toml", tmp_path / "empty.toml"
    wanted.write_text(SPEC)
    empty.write_text("version = 1\n")
    return Specs(wanted, empty)


@pytest.fixture
def bench(fresh_root: Fresh, specs: Specs, tmp_path: Path, tree: str, run: str) -> Iterator[Bench]:
    """A tree, and a run over it: the first apply, the apply of an empty spec, a rollback."""
    made = fresh_root(tree)
    trees.prepare(made, FLAVOURS[tree].loader)
    with tempfile.TemporaryDirectory(prefix="reconcile-faults-", dir=_MEMORY) as home:
        root = Path(home) / "root"
        subprocess.run(["cp", "-a", made, root], check=True)
        with Tool(tmp_path, ("--plan", specs.wanted, "--root", root)) as tool:
            yield Bench.of(tool, root, prepared(tool, root, specs, run))


def prepared(tool: Tool, root: Path, specs: Specs, run: str) -> tuple[object, ...]:
    """Bring the tree to where the run begins; its arguments."""
    apply = ("--apply", specs.wanted, "--root", root, "--quiet")
    if run == "apply":
        return apply
    done = tool(apply)
    assert done.code == 0, done.text
    if run == "undo":
        return ("--apply", specs.empty, "--root", root, "--quiet")
    history = json.loads(tool(("--history", "--root", root, "--format", "json")).text)
    return ("--rollback", history["runs"][0]["run"], "--root", root, "--quiet")


def chosen(faults: list[Fault]) -> list[Fault]:
    """All of them, or a sample that is the same every time."""
    wanted = os.environ.get("RECONCILE_FAULTS") or "12"
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
            _log(f"{fault}\n    {what}\n")
    return tried, lost


def _log(text: str) -> None:
    """A full survey takes long: what it loses is told at once."""
    if path := os.environ.get("RECONCILE_FAULTS_LOG"):
        with open(path, "a") as log:
            log.write(text)


@pytest.mark.parametrize(("tree", "run"), RUNS)
def test_every_point_of_a_run_is_survived(
    bench: Bench, tree: str, run: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = points(bench.tool, bench.argv, bench.root, tmp_path / "trace")
    assert len(found) > 50
    faults = [Fault(point, how) for point in found for how in (KILL, *ERRORS)]
    tried, lost = survey(chosen(faults), bench.trouble)
    _log(f"{run} on {tree}: {tried} tried, {tried - len(lost)} survived\n")
    figures = f"{run} on {tree}: {len(found)} points, {len(faults)} faults; {tried} tried, "
    with capsys.disabled():
        print(f"\n{figures}{tried - len(lost)} survived")
    assert not lost, "\n".join(f"{fault}\n    {what[:1500]}" for fault, what in lost)


@pytest.mark.parametrize(("tree", "run"), RUNS[:1])
def test_the_harness_sees_a_torn_file(bench: Bench, tree: str, run: str) -> None:
    """A test of the test: what is neither old nor new is found."""
    (bench.root / "etc/fstab").write_text("half")
    assert "/etc/fstab" in bench.torn(137)


@pytest.mark.parametrize(("tree", "run"), RUNS[1:2])
def test_the_harness_sees_a_boot_configuration_that_is_half_new(
    bench: Bench, tree: str, run: str
) -> None:
    """A test of the test, where one of several entries was forgotten."""
    assert bench.tool(bench.argv).code == 0
    first, *_ = sorted((bench.root / "boot/efi/loader/entries").iterdir())
    first.write_bytes((bench.kept / "boot/efi/loader/entries" / first.name).read_bytes())
    assert "half new" in bench.torn(1)
