"""The world around a run fails: terminals close, disks fill up, clocks go back, programs linger."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backends.host import Host
from backends.lock import Locked
from backends.package_managers import none_at_work
from backends.runner import here
from backends.steps import RenameFile, Run, StepError, WriteFile
from reconciler.model import Change, Plan
from reconciler.ownership import Owned
from reconciler.render.progress import Lines
from reconciler.runs.apply import Apply
from reconciler.runs.history import interrupted, runs
from reconciler.runs.journal import Journal, JournalError
from specs.record import replace
from tests.cli import run
from tests.simulator.hosts import build
from tests.trial.hosts import grub_bls

CHECKOUT = Path(__file__).parents[2]
EMPTY = Plan(host={}, spec_path="/s.toml", spec_digest="sha256:0", state_digest="sha256:1")


def reconcile(*argv: object, shell: str = "") -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, with redirections of a shell."""
    code = "import sys; from reconciler.cli import console; console()"
    script = f'exec "$@" {shell}'
    words = [sys.executable, "-c", code, *map(str, argv)]
    return subprocess.run(
        ["bash", "-c", script, "bash", *words],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A host."""
    build("amd-workstation", tmp_path / "tree")
    return tmp_path / "tree"


@pytest.mark.parametrize("closed", ["1>&-", "2>&-", "0<&-", "0<&- 1>&- 2>&-"])
def test_closed_descriptors_do_no_harm(tree: Path, closed: str) -> None:
    """What a program prints must not end up in the file that was opened next."""
    done = reconcile("--inspect", "--root", tree, "--format", "json", shell=closed)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def test_a_full_disk_behind_the_output_is_told(tree: Path) -> None:
    done = reconcile("--inspect", "--root", tree, shell=">/dev/full")
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_full_disk_behind_the_messages_is_no_reason_to_fail(tree: Path) -> None:
    done = reconcile("--plan", tree / "none.toml", "--root", tree, shell="2>/dev/full")
    assert done.returncode == 64


def test_a_closed_terminal_does_not_stop_progress() -> None:
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "w", buffering=1) as stream:
        lines = Lines(stream, EMPTY)
        lines.begins("update-initramfs -u")
        lines.ended()
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # for the flush at its end


def write(name: str, content: bytes = b"x") -> Change:
    """A change that writes a file."""
    step = WriteFile(f"/etc/{name}", content)
    return Change(name, "file", f"/etc/{name}", "content", None, name, "test", (step,))


def test_a_line_that_did_not_fit_leaves_nothing_behind(tmp_path: Path) -> None:
    """A disk that fills up in the middle of a line: the lines after it must be readable."""
    host = Host(tmp_path)
    journal = Journal.start(host, Owned(), {}, spec="/s.toml")
    (path,) = (tmp_path / "var/lib/reconcile/runs").glob("*/journal.jsonl")
    size = path.stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, hard))
    try:
        with pytest.raises(JournalError):
            journal.event("done", "a" * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.stat().st_size == size
    journal.finish("done")
    (record,) = runs(host.reader)
    assert record.finished


def test_a_torn_line_does_not_swallow_the_next(tmp_path: Path) -> None:
    host = Host(tmp_path)
    journal = Journal.start(host, Owned(), {}, spec="/s.toml")
    (path,) = (tmp_path / "var/lib/reconcile/runs").glob("*/journal.jsonl")
    with path.open("a") as file:
        file.write('{"event": "verif')
    journal.finish("killed")
    (record,) = runs(host.reader)
    assert [e["event"] for e in record.events] == ["planned", "finished"]


def test_a_clock_that_went_back_does_not_hide_a_killed_run(tmp_path: Path) -> None:
    host = Host(tmp_path)
    future = tmp_path / "var/lib/reconcile/runs/20990101T000000.000000Z-1"
    future.mkdir(parents=True)
    (future / "journal.jsonl").write_text(
        '{"event": "planned"}\n{"event": "finished", "result": ""}'
    )
    journal = Journal.start(host, Owned(), {}, spec="/s.toml")
    killed = interrupted(host.reader)
    assert killed is not None
    assert killed.run == journal.run > future.name


def test_the_state_folder_is_closed_whoever_made_it(tmp_path: Path) -> None:
    state = tmp_path / "var/lib/reconcile"
    state.mkdir(parents=True, mode=0o755)
    old = os.umask(0)
    try:
        Journal.start(Host(tmp_path), Owned(), {}, spec="/s.toml")
    finally:
        os.umask(old)
    assert state.stat().st_mode & 0o777 == 0o700
    assert {p.stat().st_mode & 0o077 for p in state.rglob("*")} == {0}


def test_folders_of_others_can_be_read_under_a_narrow_umask(tmp_path: Path) -> None:
    """/etc/modprobe.d is for everybody, whatever umask an administrator's shell has."""
    old = os.umask(0o077)
    try:
        Host(tmp_path).write_file("/etc/modprobe.d/reconcile.conf", b"", 0o644)
    finally:
        os.umask(old)
    assert (tmp_path / "etc/modprobe.d").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "etc/modprobe.d/reconcile.conf").stat().st_mode & 0o777 == 0o644


def test_a_foreign_edit_during_a_run_is_not_overwritten(tmp_path: Path) -> None:
    """Somebody saves the file after the plan was made, and before its turn has come."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/b").write_text("as planned")
    host = Host(tmp_path)
    plan = Plan({}, "/s.toml", "", "", (write("a"), write("b")), contents={"/etc/b": b"as planned"})

    def somebody(change: Change) -> None:
        if change.id == "b":
            (tmp_path / "etc/b").write_text("theirs")

    journal = Journal.start(host, Owned(), {}, spec="/s.toml")
    outcome = Apply(host, plan, journal, lambda _: EMPTY, somebody).run()
    assert outcome.results == {"a": "done", "b": "failed"}
    assert "changed by somebody else" in outcome.errors["b"]
    assert (tmp_path / "etc/b").read_text() == "theirs"


class ItsOwnProgram(Host):
    """Its program writes /etc/b anew, as update-initramfs lets kernel-install write entries."""

    def run_step(self, step: Run) -> None:
        """See Host."""
        (Path(self.root) / "etc/b").write_text("by the program")


def test_what_a_program_of_the_run_writes_anew_is_no_foreign_edit(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/b").write_text("as planned")
    host = ItsOwnProgram(tmp_path)
    program = replace(write("a"), steps=(Run(("update-initramfs",)),))
    plan = Plan({}, "/s.toml", "", "", (program, write("b")), contents={"/etc/b": b"as planned"})
    journal = Journal.start(host, Owned(), {}, spec="/s.toml")
    outcome = Apply(host, plan, journal, lambda _: EMPTY).run()
    assert outcome.results == {"a": "done", "b": "done"}


class APackageManager(Host):
    """It makes grub.cfg while our program makes one aside."""

    ours = "for yesterday's kernels"
    theirs = "for today's kernels"

    def run_step(self, step: Run) -> None:
        """See Host."""
        folder = Path(self.root) / "boot"
        (folder / "grub.cfg.reconcile").write_text(self.ours)
        (folder / "grub.cfg").write_text(self.theirs)


def test_what_a_package_manager_made_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    """Our grub.cfg, made aside in the same minute, may start a kernel that has just gone."""
    (tmp_path / "boot").mkdir()
    (tmp_path / "boot/grub.cfg").write_text("as planned")
    host = APackageManager(tmp_path)
    make = Run(("grub-mkconfig",), touches=("/boot/grub.cfg.reconcile",))
    rename = RenameFile("/boot/grub.cfg.reconcile", "/boot/grub.cfg")
    plan = Plan({}, "/s.toml", "", "", (replace(write("a"), steps=(make, rename)),))
    journal = Journal.start(host, Owned(), {}, spec="/s.toml")
    outcome = Apply(host, plan, journal, lambda _: EMPTY).run()
    assert "changed by somebody else" in outcome.errors["a"]
    assert (tmp_path / "boot/grub.cfg").read_text() == host.theirs
    assert not (tmp_path / "boot/grub.cfg.reconcile").exists()


def test_a_package_manager_at_work_is_looked_for_again_before_a_rename(tmp_path: Path) -> None:
    (tmp_path / "boot").mkdir()
    (tmp_path / "boot/new").write_text("new")
    gates: list[str] = []

    def gate(change: Change) -> None:
        gates.append(change.id)
        if len(gates) == 2:
            raise Locked("dpkg is at work")

    steps = (WriteFile("/boot/source", b"x"), RenameFile("/boot/new", "/boot/old"))
    plan = Plan({}, "/s.toml", "", "", (replace(write("a"), steps=steps),))
    host = Host(tmp_path)
    journal = Journal.start(host, Owned(), {}, spec="/s.toml")
    outcome = Apply(host, plan, journal, lambda _: EMPTY, gate).run()
    assert outcome.errors["a"] == "dpkg is at work"
    assert not (tmp_path / "boot/old").exists()
    assert not (tmp_path / "boot/source").exists()


def test_a_program_that_leaves_somebody_at_its_pipe_does_not_keep_us(tmp_path: Path) -> None:
    """A daemon that a program started holds its output, in a session of its own."""
    argv = ("sh", "-c", "setsid sleep 20 & exit 0")
    began = time.monotonic()
    with pytest.raises(StepError, match="did not end within 2 s"):
        Host(tmp_path).run(argv, 2.0, here())
    assert time.monotonic() - began < 15


def test_a_lock_file_that_is_none_is_an_error_and_no_crash(tree: Path, tmp_path: Path) -> None:
    spec = tmp_path / "host.toml"
    spec.write_text("version = 1\n[boot]\nkernel_args = ['audit=0']\n")
    (tree / "run").mkdir(exist_ok=True)
    (tree / "run/reconcile.lock").mkdir()
    done = reconcile("--apply", spec, "--root", tree)
    assert done.returncode == 1
    assert "/run/reconcile.lock: cannot be locked" in done.stderr


def test_a_package_manager_that_begins_in_between_is_noticed(tree: Path, tmp_path: Path) -> None:
    """It takes its lock after ours was taken: the boot configuration stays as it is."""
    lock = tree / "var/lib/dpkg/lock-frontend"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.touch()
    host = Host(tree)
    plan = Plan({}, "/s.toml", "", "", (write("a"),))
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import fcntl, sys, time; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX);"
            "print('held', flush=True); time.sleep(60)",
            lock,
        ],
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    try:
        with pytest.raises(Locked, match="apt or dpkg"):
            none_at_work(host)
        journal = Journal.start(host, Owned(), {}, spec="/s.toml")
        outcome = Apply(host, plan, journal, lambda _: EMPTY, lambda _: none_at_work(host)).run()
    finally:
        holder.kill()
        holder.communicate()
    assert outcome.results == {"a": "failed"}
    assert not (tree / "etc/a").exists()


def test_no_reboot_is_asked_for_that_would_bring_nothing(tmp_path: Path) -> None:
    """The arguments could not be written: what is wanted does not wait for a reboot."""
    grub_bls(tmp_path / "root")
    spec = tmp_path / "host.toml"
    spec.write_text("version = 1\n[boot]\nkernel_args = ['nohz=off']\n")
    (tmp_path / "root/etc/kernel/.cmdline.reconcile~/in-the-way").mkdir(parents=True)
    apply = ("--apply", spec, "--root", tmp_path / "root")
    done = run(*apply)
    assert (done.code, "Next: reboot" in done.out) == (1, False), done.out
    assert json.loads(run(*apply, "--format", "json").out)["reboot_required"] is False
    assert "the host is as before in that" in done.out
