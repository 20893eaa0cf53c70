"""--rollback: any run, all that it did, nothing that others did since."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from backends.host import Host
from backends.steps import RemoveFile, WriteAttribute, WriteFile
from reconciler.model import Change, Claim, Plan
from reconciler.observe import observe
from reconciler.outcome import Outcome
from reconciler.ownership import Owned, read
from reconciler.plan_json import to_json
from reconciler.render import history_text
from reconciler.runs import rollback
from reconciler.runs.apply import Apply
from reconciler.runs.history import RunRecord, interrupted, runs
from reconciler.runs.journal import Journal
from reconciler.runs.recover import recover
from specs.errors import ReconcileError, UsageError
from specs.record import replace
from tests.engine.changes import EMPTY, change

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="giving files away needs root")


class Bench:
    """A tree with files in /etc, runs over it, and rollbacks of them."""

    def __init__(self, root: Path) -> None:
        (root / "etc").mkdir()
        self.root = root
        self.host = Host(root)

    def path(self, name: str) -> Path:
        """A file of the tree."""
        return self.root / name.lstrip("/")

    def apply(self, *changes: Change, gate: Callable[[Change], None] = lambda _: None) -> Outcome:
        """Do these changes; looking again finds nothing left."""
        plan = replace(EMPTY, changes=changes)
        journal = Journal.start(self.host, self.owned, to_json(plan), spec="/s.toml", boot="")
        return Apply(self.host, plan, journal, lambda _: EMPTY, gate).run()

    @property
    def owned(self) -> Owned:
        """The record on the host."""
        return read(self.host.reader)

    def record(self, name: str | None = None) -> RunRecord:
        """The run that would be undone."""
        return rollback.find(self.host, name)

    def plan(self, name: str | None = None) -> Plan:
        """What would undo it."""
        return rollback.plan(self.host, self.record(name), observe(self.host.reader, ()))

    def rollback(self, name: str | None = None) -> Outcome:
        """Undo it, as the mode does."""
        plan = self.plan(name)
        assert not plan.refusals(strict=False), plan.findings
        facts = {"boot": "", "undoes": self.record(name).run}
        journal = Journal.start(self.host, self.owned, to_json(plan), spec="/s.toml", **facts)
        return Apply(
            self.host, plan, journal, lambda _: rollback.looked_at_again(self.host, plan)
        ).run()

    def names(self) -> list[str]:
        """Every run, oldest first."""
        return [r.run for r in runs(self.host.reader)]

    def conflicts(self, name: str | None = None) -> dict[str, str]:
        """What stands against undoing it."""
        return {f.where: f.message for f in self.plan(name).findings}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An empty tree."""
    return Bench(tmp_path)


def claim(name: str, value: str | None = "x") -> Claim:
    """A claim on something."""
    return Claim("things", name, value)


def test_bytes_mode_owner_and_attributes_come_back(bench: Bench) -> None:
    file = bench.path("/etc/a")
    file.write_text("old")
    file.chmod(0o640)
    os.setxattr(file, "user.label", b"theirs")
    if os.geteuid() == 0:
        os.chown(file, 7, 8)
    before = os.stat(file)
    bench.apply(change("a", RemoveFile("/etc/a")))
    assert not file.exists()
    assert bench.rollback().good
    after = os.stat(file)
    assert file.read_text() == "old"
    assert (after.st_mode, after.st_uid, after.st_gid) == (
        before.st_mode,
        before.st_uid,
        before.st_gid,
    )
    assert os.getxattr(file, "user.label") == b"theirs"


def test_what_did_not_exist_is_gone_again_with_its_folders(bench: Bench) -> None:
    bench.apply(change("a", WriteFile("/etc/new/sub/a", b"x")))
    assert bench.rollback().good
    assert not bench.path("/etc/new").exists()


def test_attributes_come_back(bench: Bench) -> None:
    attribute = bench.path("/etc/attribute")
    attribute.write_text("3\n")
    bench.apply(change("a", WriteAttribute("/etc/attribute", "5\n")))
    assert bench.rollback().good
    assert attribute.read_text() == "3\n"


def test_the_record_is_that_of_before(bench: Bench) -> None:
    bench.apply(change("a", WriteFile("/etc/a", b"1"), claims=(claim("a"), claim("b"))))
    before = bench.owned
    bench.apply(
        change(
            "a", WriteFile("/etc/a", b"2"), claims=(claim("a", "y"), claim("b", None), claim("c"))
        )
    )
    assert bench.owned != before
    assert bench.rollback().good
    assert bench.owned == before
    assert bench.rollback(bench.names()[0]).good
    assert bench.owned == Owned()


def test_any_run_but_not_under_a_later_one(bench: Bench) -> None:
    bench.apply(change("a", WriteFile("/etc/a", b"1")))
    bench.apply(change("b", WriteFile("/etc/b", b"1")))
    bench.apply(change("a", WriteFile("/etc/a", b"2")))
    first, second, third = bench.names()
    assert set(bench.conflicts(first)) == {"/etc/a"}
    assert bench.rollback(second).good
    assert not bench.path("/etc/b").exists()
    assert bench.rollback(third).good
    assert bench.rollback(first).good
    assert not bench.path("/etc/a").exists()


def test_a_rollback_can_be_rolled_back(bench: Bench) -> None:
    bench.path("/etc/a").write_text("old")
    bench.apply(change("a", WriteFile("/etc/a", b"new"), claims=(claim("a"),)))
    owned = bench.owned
    bench.rollback()
    assert bench.rollback().good
    assert bench.path("/etc/a").read_text() == "new"
    assert bench.owned == owned


@pytest.mark.parametrize("edit", ["content", "gone", "mode"])
def test_a_foreign_edit_is_shown_and_refused(bench: Bench, edit: str) -> None:
    file = bench.path("/etc/a")
    file.write_text("old")
    bench.apply(change("a", WriteFile("/etc/a", b"new")))
    if edit == "content":
        file.write_text("theirs")
    elif edit == "gone":
        file.unlink()
    else:
        file.chmod(0o600)
    assert bench.conflicts() == {"/etc/a": "the file has changed since that run"}


def test_an_attribute_that_somebody_changed_is_refused_within_the_boot(bench: Bench) -> None:
    attribute = bench.path("/etc/attribute")
    attribute.write_text("0\n")
    bench.apply(change("a", WriteAttribute("/etc/attribute", "5\n")))
    attribute.write_text("7\n")
    assert "'7'" in bench.conflicts()["/etc/attribute"]
    bench.path("/proc/sys/kernel/random").mkdir(parents=True)
    bench.path("/proc/sys/kernel/random/boot_id").write_text("another\n")
    assert bench.conflicts() == {}, "after a reboot the kernel has what files say"


def test_what_failed_and_was_undone_is_not_undone_twice(bench: Bench) -> None:
    bench.path("/etc/a").write_text("old")
    bad = change("bad", WriteFile("/etc/a", b"new"), WriteAttribute("/etc/none", "1"))
    outcome = bench.apply(bad, change("good", WriteFile("/etc/b", b"x"), claims=(claim("b"),)))
    assert outcome.results == {"bad": "failed", "good": "done"}
    bench.path("/etc/a").write_text("theirs")
    assert bench.rollback().good
    assert bench.path("/etc/a").read_text() == "theirs"
    assert not bench.path("/etc/b").exists()


class PowerCut(Exception):
    """The run ends here, and nothing of it is cleaned up."""


def cut(bench: Bench, *changes: Change, before: str) -> None:
    """A run that is killed before a change."""

    def gate(one: Change) -> None:
        if one.id == before:
            raise PowerCut

    with pytest.raises(PowerCut):
        bench.apply(*changes, gate=gate)


def test_a_killed_run_is_undone_as_far_as_it_got(bench: Bench) -> None:
    bench.path("/etc/a").write_text("old")
    cut(
        bench,
        change("a", WriteFile("/etc/a", b"new"), claims=(claim("a"),)),
        change("b", WriteFile("/etc/b", b"new")),
        before="b",
    )
    assert interrupted(bench.host.reader)
    assert bench.rollback().good
    assert bench.path("/etc/a").read_text() == "old"
    assert bench.owned == Owned()


def test_what_a_killed_run_had_done_is_told_when_only_its_end_is_undone(bench: Bench) -> None:
    for name in ("a", "b"):
        bench.path(f"/etc/{name}").write_text("old")
    first, second = (change(n, WriteFile(f"/etc/{n}", b"new"), claims=(claim(n),)) for n in "ab")
    cut(bench, first, second, before="b")
    bench.apply(second)
    killed, end = bench.names()
    (finding,) = bench.plan().findings
    assert (finding.code, finding.where) == ("rollback-partial", end)
    assert finding.hint.endswith(f"reconcile --rollback {killed}")
    assert bench.rollback().good
    assert [bench.path(f"/etc/{n}").read_text() for n in "ab"] == ["new", "old"]
    assert bench.plan(killed).findings == ()
    assert bench.rollback(killed).good
    assert [bench.path(f"/etc/{n}").read_text() for n in "ab"] == ["old", "old"]
    assert bench.owned == Owned()


def test_a_file_that_a_killed_run_had_announced_is_known(bench: Bench) -> None:
    """Killed between the write and the line that tells of it: old, new, or somebody's."""
    bench.path("/etc/a").write_text("old")
    bench.apply(change("a", WriteFile("/etc/a", b"new")))
    journal = bench.path(f"/var/lib/reconcile/runs/{bench.names()[0]}/journal.jsonl")
    journal.write_text(journal.read_text().partition('{"event": "did"')[0])
    assert bench.conflicts() == {}
    bench.path("/etc/a").write_text("old")
    assert bench.conflicts() == {}
    bench.path("/etc/a").write_text("theirs")
    assert bench.conflicts() == {"/etc/a": "the file has changed since that run"}


def test_a_killed_rollback_is_gone_on_with(bench: Bench) -> None:
    """Not undone: that would bring back what was to go."""
    for name in ("a", "b"):
        bench.path(f"/etc/{name}").write_text("old")
    bench.apply(*(change(n, WriteFile(f"/etc/{n}", b"new"), claims=(claim(n),)) for n in "ab"))
    target = bench.names()[0]
    plan = bench.plan()
    facts = {"boot": "", "undoes": target}
    journal = Journal.start(bench.host, bench.owned, to_json(plan), spec="/s.toml", **facts)
    first = plan.changes[0]
    journal.step(first.id, 0, first.steps[0], ())
    bench.host.perform(first.steps[0])
    assert bench.record().run == target
    assert bench.rollback().good
    assert {bench.path(f"/etc/{n}").read_text() for n in "ab"} == {"old"}
    assert bench.owned == Owned()


def test_a_run_that_nobody_knows_is_named(bench: Bench) -> None:
    with pytest.raises(ReconcileError, match="no run to undo"):
        bench.record()
    bench.apply(change("a", WriteFile("/etc/a", b"1")))
    with pytest.raises(UsageError, match="no run 2020"):
        bench.record("2020")


def test_a_journal_of_another_version_is_refused(bench: Bench) -> None:
    bench.apply(change("a", WriteFile("/etc/a", b"1")))
    journal = bench.path(f"/var/lib/reconcile/runs/{bench.names()[0]}/journal.jsonl")
    journal.write_text(journal.read_text().replace('"do": "remove"', '"do": "teleport"'))
    with pytest.raises(ReconcileError, match="not a journal that this version understands"):
        bench.plan()


def journal_of(bench: Bench, number: int) -> Path:
    """The journal of a run."""
    return bench.path(f"/var/lib/reconcile/runs/{bench.names()[number]}/journal.jsonl")


@pytest.mark.parametrize("damage", ["a line is gone", "a line is other text", "all is noise"])
def test_a_damaged_journal_undoes_nothing(bench: Bench, damage: str) -> None:
    """Undoing what is left of it would undo a part; undoing the run before it, another run."""
    bench.apply(change("a", WriteFile("/etc/a", b"1")))
    bench.apply(change("b", WriteFile("/etc/b", b"1"), WriteFile("/etc/c", b"1")))
    journal = journal_of(bench, 1)
    lines = journal.read_text().splitlines(keepends=True)
    del lines[1]
    if damage == "a line is other text":
        lines.insert(1, "\x7fELF\n")
    journal.write_bytes(os.urandom(20) + b"\n\0" if "all" in damage else "".join(lines).encode())
    with pytest.raises(ReconcileError, match="journal of that run is damaged") as told:
        bench.record()
    assert told.value.where.endswith(f"{bench.names()[1]}/journal.jsonl")
    assert bench.record(bench.names()[0]).run == bench.names()[0]
    assert "its journal is damaged" in history_text.text(runs(bench.host.reader))
    assert "its journal is damaged" in history_text.markdown(runs(bench.host.reader))


@pytest.mark.parametrize("torn", ['{"event": "ste', '{"ev', "\0" * 40])
def test_what_a_power_cut_has_torn_is_no_damage(bench: Bench, torn: str) -> None:
    """The line was not on the disk, so what it was to announce was not done."""
    bench.apply(change("a", WriteFile("/etc/a", b"1")))
    journal = journal_of(bench, 0)
    journal.write_text(journal.read_text().partition('{"event": "done"')[0] + torn)
    Journal(bench.host, bench.names()[0], bench.owned).finish("killed")
    assert bench.record().first("finished")["result"] == "killed"
    assert bench.rollback().good
    assert not bench.path("/etc/a").exists()


def test_a_run_whose_plan_is_lost_says_so(bench: Bench) -> None:
    bench.apply(change("a", WriteFile("/etc/a", b"1")))
    plan = journal_of(bench, 0).with_name("plan.json")
    plan.write_text("{}")
    with pytest.raises(ReconcileError, match=r"plan\.json") as told:
        bench.plan()
    assert "empty one gives back" in told.value.hint


def test_a_killed_run_whose_plan_is_lost_is_no_end_of_all_runs(bench: Bench) -> None:
    cut(bench, change("a", WriteFile("/etc/a", b"1")), before="a")
    journal_of(bench, 0).with_name("plan.json").write_text("{}")
    recover(bench.host, quiet=True)
    assert interrupted(bench.host.reader) is None


def test_what_is_no_run_is_not_taken_for_one(bench: Bench) -> None:
    bench.apply(change("a", WriteFile("/etc/a", b"1")))
    bench.path("/var/lib/reconcile/runs/zzz").mkdir()
    bench.path("/var/lib/reconcile/runs/lost+found").touch()
    assert interrupted(bench.host.reader) is None
    assert len(bench.names()) == 1


def test_history_tells_what_was_undone(bench: Bench) -> None:
    bench.apply(change("a", WriteFile("/etc/a", b"1")))
    bench.rollback()
    first, second = runs(bench.host.reader)
    bad = change("bad", WriteFile("/etc/c", b"1"), WriteAttribute("/etc/none", "1"), group="g")
    bench.apply(change("good", WriteFile("/etc/b", b"1"), group="g"), bad)
    *_, row = history_text.rows(runs(bench.host.reader))
    assert (row["changed"], row["failed"]) == ([], ["bad"]), "what was undone was not changed"
    assert second.first("planned")["undoes"] == first.run
    assert json.dumps(second.events)
