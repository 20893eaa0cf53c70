"""The units: systemd reads them without a complaint, and they say what the decision says."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from backends import resume_unit
from backends.bootloader.state import SourceFile, TrialState, TrialWish
from backends.bootloader.trial import units
from backends.topology.systemd import SystemdState

SYSTEMD = SystemdState(
    booted=True,
    installed=True,
    gate=True,
    program="/usr/bin/true",
    cpuset=True,
    slices=(),
    manager_affinity=(),
    running=frozenset(),
)
THERE = TrialState(sources=tuple(SourceFile(path, None) for path in units.PATHS))


def texts() -> dict[str, str]:
    """Every unit by its file name."""
    found = units.edits(THERE, SYSTEMD, TrialWish((), header="# Written by reconcile\n"), 15)
    written = {edit.path: (edit.after or b"").decode() for edit in found}
    resume = resume_unit.units("/usr/bin/true")
    return {path.rpartition("/")[2]: text for path, text in (written | resume).items()}


def test_systemd_takes_them(tmp_path: Path) -> None:
    found = {name: text for name, text in texts().items() if not name.endswith(".conf")}
    for name, text in found.items():
        (tmp_path / name).write_text(text)
    argv = ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in found)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
    ours = [line for line in done.stderr.splitlines() if "reconcile-" in line]
    assert (done.returncode, ours) == (0, [])


def test_nothing_of_a_trial_acts_in_another_boot() -> None:
    for name in (units.TIMER, "reconcile-trial.service", units.CONFIRM):
        assert "ConditionKernelCommandLine=reconcile.trial\n" in texts()[name]
    # The deadline needs its timer's file: a trial that is confirmed has none any more.
    assert f"ConditionPathExists={units.PATHS[0]}\n" in texts()["reconcile-trial.service"]


@pytest.mark.parametrize(("minutes", "words"), [(15, 2), (0, 1)])
def test_the_entry_pulls_them_in(minutes: int, words: int) -> None:
    found = units.arguments(SYSTEMD, minutes)
    assert found[-1] == "systemd.wants=reconcile-confirm.service"
    assert len(found) == words


GENERATOR = "/lib/systemd/system-generators/systemd-debug-generator"


@pytest.mark.parametrize(
    ("line", "target"),
    [("quiet", "default.target"), ("systemd.unit=emergency.target", "emergency.target")],
)
def test_whatever_target_is_booted_wants_them(tmp_path: Path, line: str, target: str) -> None:
    """By the real generator, which reads the command line of the coming boot."""
    folders = [tmp_path / name for name in ("normal", "early", "late")]
    for folder in folders:
        folder.mkdir()
    words = " ".join((line, *units.arguments(SYSTEMD, 15)))
    env = {"SYSTEMD_PROC_CMDLINE": words}
    subprocess.run([GENERATOR, *map(str, folders)], env=env, check=True, timeout=60)
    wants = {p.name for p in tmp_path.glob(f"*/{target}.wants/*")}
    assert wants == {units.TIMER, units.CONFIRM}


def test_what_is_there_is_not_written_again() -> None:
    wish = TrialWish((), header="# Written by reconcile from /a.toml; edit that spec.\n")
    written = units.edits(THERE, SYSTEMD, wish, 15)
    there = TrialState(sources=tuple(SourceFile(e.path, e.after) for e in written))
    other = TrialWish((), header="# Written by reconcile from /b.toml; edit that spec.\n")
    assert units.edits(there, SYSTEMD, other, 15) == []
    assert len(units.edits(there, SYSTEMD, other, 16)) == 1
