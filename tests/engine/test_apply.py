"""Doing a plan: order, verification, undo of what failed, skipping of what needed it."""

from __future__ import annotations

import errno
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backends import files
from backends.host import Host
from backends.runner import Place, here
from backends.steps import RemoveFile, RenameFile, Run, WriteFile
from reconciler.model import Change, Claim, Plan, refuse
from reconciler.outcome import Outcome
from reconciler.ownership import Owned, read
from reconciler.plan_json import from_json, to_json
from reconciler.render.ending import ending
from reconciler.runs.apply import Apply
from reconciler.runs.history import interrupted, runs
from reconciler.runs.journal import Journal, JournalError
from reconciler.runs.recover import recover
from specs.errors import ReconcileError
from specs.record import replace
from tests.engine.changes import EMPTY, change


class TreeWithPrograms(Host):
    """A tree on which this machine's own programs run, without a chroot."""

    def place(self) -> Place:
        """This machine."""
        return here()


class Bench:
    """A tree, and a way to apply changes to it; ``verify`` plans again from what is there."""

    def __init__(self, root: Path) -> None:
        (root / "etc").mkdir()
        self.root = root
        self.host = TreeWithPrograms(root)

    def apply(self, *changes: Change, verify: Callable[[Owned], Plan] | None = None) -> Outcome:
        """Apply; by default a change is verified by its file being there."""
        plan = replace(EMPTY, changes=changes)
        journal = Journal.start(self.host, read(self.host.reader), to_json(plan), spec="/s.toml")

        def look(owned: Owned) -> Plan:
            left = [c for c in changes if not (self.root / c.object.lstrip("/")).exists()]
            return replace(plan, changes=tuple(left))

        return Apply(self.host, plan, journal, verify or look).run()

    def names(self) -> list[str]:
        """What is in /etc."""
        return sorted(os.listdir(self.root / "etc"))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An empty tree."""
    return Bench(tmp_path)


FAILS = Run(("sh", "-c", "exit 9"))


def test_done_and_verified(bench: Bench) -> None:
    outcome = bench.apply(change("a"), change("b", requires="a"))
    assert outcome.results == {"a": "done", "b": "done"}
    assert outcome.good
    assert bench.names() == ["a", "b"]


def test_a_failure_is_undone_and_skips_what_needs_it(bench: Bench) -> None:
    bad = change("bad", WriteFile("/etc/bad", b"x"), FAILS)
    outcome = bench.apply(bad, change("next", requires="bad"), change("other"))
    assert outcome.results == {"bad": "failed", "next": "skipped", "other": "done"}
    assert "exit status 9" in outcome.errors["bad"]
    assert "bad" in outcome.errors["next"]
    assert bench.names() == ["other"]


def test_what_could_not_be_changed_needs_no_undo(bench: Bench) -> None:
    """What stands in the way of the step (an immutable file, a mount) stands in that of its undo:
    the host is as it was, and nothing is told of as left half done."""
    (bench.root / "etc/a").write_text("old")
    (bench.root / "etc/.a.reconcile~/in-the-way").mkdir(parents=True)
    outcome = bench.apply(change("a"))
    assert outcome.results == {"a": "failed"}
    assert outcome.left == []
    assert "not undone" not in outcome.errors["a"]
    assert [e["event"] for e in next(iter(runs(bench.host.reader))).events][-2:] == [
        "undone",
        "finished",
    ]


class Immutable(Host):
    """A file of it cannot be written, whoever tries."""

    def write_file(
        self, path: str, content: bytes, mode: int, marks: files.Marks | None = None
    ) -> None:
        """See Host."""
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), path)


def test_root_is_not_told_to_become_root(tmp_path: Path) -> None:
    with pytest.raises(ReconcileError) as told:
        Immutable(tmp_path).perform(WriteFile("/etc/a", b""))
    root = os.geteuid() == 0
    assert told.value.hint.startswith("an immutable file" if root else "run reconcile as root")


def test_a_group_is_all_or_nothing(bench: Bench) -> None:
    (bench.root / "etc/a").write_text("old")
    bad = change("b", FAILS, group="boot")
    outcome = bench.apply(change("a", group="boot"), bad, change("c", group="boot"))
    assert outcome.results == {"a": "skipped", "b": "failed", "c": "skipped"}
    assert (bench.root / "etc/a").read_text() == "old"
    assert bench.names() == ["a"]


class FullJournal(Journal):
    """Its disk is full when the change ``b`` is to be settled, or at the end."""

    at = "verified"

    def event(self, event: str, change: str, **facts: Any) -> None:
        """See Journal."""
        if (event, change) == (self.at, "b"):
            raise JournalError("no room")
        super().event(event, change, **facts)

    def finish(self, result: str) -> None:
        """See Journal."""
        raise JournalError("no room at the end")


def test_a_group_whose_end_cannot_be_written_down_is_undone(bench: Bench) -> None:
    """All of it: what was done and verified of it too, as nothing must be half new."""
    changes = [change(name, group="boot") for name in "abc"]
    plan = replace(EMPTY, changes=(*changes, change("d", requires="b")))
    journal = FullJournal.start(bench.host, Owned(), to_json(plan), spec="/s.toml")
    outcome = Apply(bench.host, plan, journal, lambda _: EMPTY).run()
    assert outcome.results == {"a": "skipped", "b": "failed", "c": "skipped", "d": "skipped"}
    assert outcome.errors["b"] == "no room"
    assert bench.names() == []
    assert "no room at the end" in " ".join(ending(plan, outcome))


def test_done_but_not_so_is_a_failure(bench: Bench) -> None:
    lying = change("a", RemoveFile("/etc/none"))
    outcome = bench.apply(lying, change("b", requires="a"))
    assert outcome.results == {"a": "failed", "b": "skipped"}
    assert "looking again" in outcome.errors["a"]


def test_claims_are_written_before_and_given_up_after(bench: Bench) -> None:
    claim = Claim("files", "/etc/a", {"before": None, "mode": "0644", "after_sha256": "0"})
    seen: list[Owned] = []

    def look(owned: Owned) -> Plan:
        seen.append(read(bench.host.reader))
        return EMPTY

    bench.apply(change("a", claims=(claim,)), verify=look)
    assert seen[-1].get("files", "/etc/a")
    gone = Claim("files", "/etc/a", None)
    bench.apply(change("a", RemoveFile("/etc/a"), claims=(gone,)), verify=look)
    assert seen[-1].get("files", "/etc/a"), "given up only after it was verified"
    assert read(bench.host.reader) == Owned()


def test_a_signal_ends_the_run_after_the_step_and_undoes_the_group(bench: Bench) -> None:
    stop = Run(("sh", "-c", f"kill -TERM {os.getpid()}; sleep 0.1"))
    outcome = bench.apply(
        change("a", group="boot"), change("b", stop, group="boot"), change("c", group="boot")
    )
    assert outcome.stopped == signal.Signals.SIGTERM.name
    assert outcome.results == {"a": "skipped", "b": "failed", "c": "skipped"}
    assert bench.names() == []


def test_the_journal_announces_each_step_with_its_undo(bench: Bench) -> None:
    (bench.root / "etc/a").write_text("old")
    bench.apply(change("a"))
    record = next(iter(runs(bench.host.reader)))
    step = record.first("step")
    assert [e["event"] for e in record.events] == [
        "planned",
        "step",
        "did",
        "done",
        "verified",
        "finished",
    ]
    assert step["undo"] == [
        {
            "do": "write",
            "path": "/etc/a",
            "mode": "0644",
            "content": "old",
            "owner": [os.getuid(), os.getgid()],
            "attributes": {},
        }
    ]
    state = bench.root / "var/lib/reconcile"
    assert state.stat().st_mode & 0o777 == 0o700


def test_a_killed_run_is_found_and_cleared_up(bench: Bench) -> None:
    plan = replace(EMPTY, changes=(change("a"),))
    Journal.start(bench.host, Owned(), to_json(plan))
    (bench.root / "etc/.a.reconcile~").write_text("half")
    assert interrupted(bench.host.reader)
    recover(bench.host, quiet=True)
    assert interrupted(bench.host.reader) is None
    assert bench.names() == []


def test_what_a_program_of_a_killed_run_made_aside_is_cleared_up(bench: Bench) -> None:
    """grub-mkconfig itself makes a file beside the one that it was told to make."""
    aside = "/etc/a.reconcile"
    make = Run(("make", "-o", aside), touches=(aside, f"{aside}.new", "/etc/kept"))
    plan = replace(EMPTY, changes=(change("a", make, RenameFile(aside, "/etc/a")),))
    Journal.start(bench.host, Owned(), to_json(plan))
    for name in ("a", "a.reconcile", "a.reconcile.new", "kept"):
        (bench.root / "etc" / name).write_text("x")
    recover(bench.host, quiet=True)
    assert bench.names() == ["a", "kept"]


def test_a_torn_last_line_of_a_journal_is_left_out(bench: Bench) -> None:
    bench.apply(change("a"))
    path = next((bench.root / "var/lib/reconcile/runs").glob("*/journal.jsonl"))
    path.write_bytes(path.read_bytes()[:-5])
    record = interrupted(bench.host.reader)
    assert record is not None
    assert record.first("planned")


def test_a_plan_survives_json(bench: Bench) -> None:
    claim = Claim("files", "/etc/a", None, settled=True)
    plan = replace(EMPTY, changes=(change("a", claims=(claim,)), change("b", requires="a")))
    text = json.dumps(to_json(plan))
    assert from_json(text, "plan.json") == plan


@pytest.mark.parametrize(("where", "failed"), [("device[0]", "a"), ("/boot", "ab")])
def test_a_refusal_that_comes_up_fails_what_it_is_about(
    bench: Bench, where: str, failed: str
) -> None:
    """IOMMU groups that turn out not viable, or libvirt that went away, are no reason to take back
    everything."""
    one = replace(change("a"), because="device[0].id, boot.kernel_args[0]")
    two = replace(change("b"), because="cpu.slices")
    fresh = replace(EMPTY, findings=(refuse("x", where, "it cannot be"),))
    outcome = bench.apply(one, two, verify=lambda _: fresh)
    assert "".join(i for i, r in outcome.results.items() if r == "failed") == failed
    assert bench.names() == [n for n in "ab" if n not in failed]
