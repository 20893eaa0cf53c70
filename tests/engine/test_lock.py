"""One run at a time, and no run beside a package manager."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backends.host import Host
from backends.lock import Locked, hold
from backends.package_managers import none_at_work
from backends.runner import here

CHECKOUT = Path(__file__).parents[2]

# Holds the lock and starts a program that outlives it.
KILLED = """
import sys, threading
from backends.host import Host
from backends.lock import hold
from backends.runner import here
host = Host(sys.argv[1])
with hold(host):
    print("held", flush=True)
    host.run(("sleep", "60"), 90.0, here())
"""


def started(code: str, *argv: str) -> subprocess.Popen[str]:
    """A Python process with this checkout, once it has printed a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *argv], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    return process


def end(process: subprocess.Popen[str]) -> None:
    """Kill it, with nothing left behind in this process."""
    with process:
        process.kill()


def sleeper(of: int) -> int:
    """The child of a process, once it is there."""
    for _ in range(100):
        children = Path(f"/proc/{of}/task/{of}/children").read_text().split()
        for child in children:
            if Path(f"/proc/{child}/comm").read_text().strip() == "sleep":
                return int(child)
        time.sleep(0.1)
    raise AssertionError("it started no program")


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A tree."""
    return Host(tmp_path)


def test_a_second_run_is_told_who_holds_the_lock(host: Host) -> None:
    with hold(host), pytest.raises(Locked, match=f"pid {os.getpid()}") as told, hold(host):
        pass
    assert told.value.exit_code == 75
    with hold(host):  # and afterwards it is free
        pass


def test_a_program_of_a_killed_run_keeps_the_lock(host: Host) -> None:
    run = started(KILLED, host.root)
    child = sleeper(run.pid)
    end(run)
    with pytest.raises(Locked, match=rf"was killed .*goes on: sleep \(pid {child}\)"), hold(host):
        pass
    os.kill(child, signal.SIGKILL)
    for _ in range(100):
        if not Path(f"/proc/{child}").exists():
            break
        time.sleep(0.1)
    with hold(host):
        pass


def test_the_lock_is_free_though_a_child_of_the_run_hangs(host: Host) -> None:
    with hold(host):
        child = subprocess.Popen(["sleep", "60"], pass_fds=tuple(host.handed_on))
    try:
        with hold(host):
            pass
    finally:
        child.kill()
        child.wait()


def test_programs_inherit_the_lock_and_nothing_else(host: Host) -> None:
    with hold(host):
        done = host.run(("ls", "-l", "/proc/self/fd"), 10.0, here())
    assert done is not None
    assert done.out.count("reconcile.lock") == 1


@pytest.mark.parametrize("path", ["var/lib/dpkg/lock-frontend", "var/lib/rpm/.rpm.lock"])
def test_a_package_manager_at_work_is_named(host: Host, path: str) -> None:
    file = Path(host.root, path)
    file.parent.mkdir(parents=True)
    file.touch()
    none_at_work(host)  # the file alone says nothing
    locks = "import fcntl, sys, time; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); "
    other = started(locks + "print('held', flush=True); time.sleep(60)", str(file))
    try:
        with pytest.raises(Locked, match=rf"\(pid {other.pid}\)") as told:
            none_at_work(host)
        assert told.value.where == f"/{path}"
    finally:
        end(other)
    none_at_work(host)


def test_pacman_at_work_is_named(host: Host) -> None:
    file = Path(host.root, "var/lib/pacman/db.lck")
    file.parent.mkdir(parents=True)
    none_at_work(host)
    file.touch()
    with pytest.raises(Locked, match="pacman"):
        none_at_work(host)


def test_our_own_look_takes_no_lock_away(host: Host) -> None:
    """Closing a file drops all fcntl locks that the process has on it: only ever of others."""
    file = Path(host.root, "var/lib/dpkg/lock")
    file.parent.mkdir(parents=True)
    with open(file, "w", encoding="utf-8") as own:
        fcntl.lockf(own, fcntl.LOCK_EX)
        none_at_work(host)
