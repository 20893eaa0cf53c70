"""Files of ours and of users: specs, captures, saved plans, journals, what is owned."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from backends.host import Host
from backends.inverse import inverse
from backends.steps import RemoveFile, WriteFile
from reconciler import capture, ownership
from reconciler.model import Change, Claim, Plan
from reconciler.observe import observe
from reconciler.ownership import Owned
from reconciler.plan_json import dumps, from_json, to_json
from reconciler.render import history_text
from reconciler.runs.conflicts import conflicts
from reconciler.runs.history import of_journal
from reconciler.runs.journal import Journal
from reconciler.runs.rollback import given_back
from reconciler.runs.rollback import plan as plan_rollback
from reconciler.session import Session
from reconciler.source import Source
from specs.load import load
from tests.fuzz.target import Target

EXAMPLES = Path(__file__).parents[2] / "examples"
RUN = "20260101T000000.000000Z-1"


def targets(home: Path) -> Iterator[Target]:
    """One a kind of file; ``home`` is a folder for those that are read from files."""
    specs = [path.read_bytes() for path in sorted(EXAMPLES.glob("*/host.toml"))]
    yield Target("spec", _from_file(home / "host.toml", load), specs, slow=True)
    captures = [path.read_bytes() for path in sorted(EXAMPLES.glob("*/capture.json"))]
    yield Target("capture", _from_file(home / "c.json", capture.load), captures[:1], slow=True)
    yield Target("saved-plan", _plan, [_a_plan()])
    journal, owned = _a_run(home / "tree")
    yield Target("journal", lambda data: _journal(home / "tree", data), [journal], slow=True)
    yield Target("owned", lambda data: _owned(home / "tree", data), [owned])


def _from_file(path: Path, read: Callable[[str], object]) -> Callable[[bytes], object]:
    def parse(data: bytes) -> object:
        path.write_bytes(data)
        return read(str(path))

    return parse


def _change() -> Change:
    return Change(
        id="a",
        kind="file",
        object="/etc/a",
        field="content",
        before=None,
        after="x",
        because="device[0]",
        steps=(WriteFile("/etc/a", b"x"), RemoveFile("/etc/b")),
        claims=(Claim("files", "/etc/a", {"before": None, "mode": "0644", "after_sha256": "0"}),),
    )


def _plan_of_one() -> Plan:
    spec = {"version": 1, "boot": {"kernel_args": ["audit=0"]}}
    return Plan({}, "/s.toml", "sha256:0", "sha256:1", changes=(_change(),), spec_content=spec)


def _a_plan() -> bytes:
    return dumps(to_json(_plan_of_one())).encode()


def _a_run(tree: Path) -> tuple[bytes, bytes]:
    """The journal and the record that a run leaves."""
    (tree / "etc").mkdir(parents=True)
    (tree / "etc/b").write_text("b")
    host = Host(tree)
    change = _change()
    journal = Journal.start(host, Owned(), to_json(_plan_of_one()), spec="/s.toml")
    journal.claim(change.id, change.claims)
    for index, step in enumerate(change.steps):
        journal.step(change.id, index, step, inverse(host, step))
        host.perform(step)
        journal.did(change.id, index, step)
    journal.event("verified", change.id)
    journal.finish("done")
    folder = tree / "var/lib/reconcile/runs" / journal.run
    folder.rename(folder.with_name(RUN))
    owned = (tree / "var/lib/reconcile/owned.json").read_bytes()
    return (folder.with_name(RUN) / "journal.jsonl").read_bytes(), owned


def _plan(data: bytes) -> None:
    plan = from_json(data.decode("utf-8", "replace"), "plan.json")
    assert from_json(json.dumps(to_json(plan)), "again") == plan
    Session.of_plan(plan, Source(Host("/nonexistent").reader, None, "none"), "plan.json")


def _journal(tree: Path, data: bytes) -> None:
    record = of_journal(RUN, data.decode("utf-8", "surrogateescape"))
    history_text.text([record])
    record.open_change()
    record.taken()
    given_back(record, Owned())
    host = Host(tree)
    state = observe(host.reader, ())
    list(conflicts(host, record, state, same_boot=True))
    plan_rollback(host, record, state)


def _owned(tree: Path, data: bytes) -> None:
    (tree / "var/lib/reconcile/owned.json").write_bytes(data)
    owned = ownership.read(Host(tree).reader)
    owned.to_bytes()


def a_home() -> tempfile.TemporaryDirectory[str]:
    """A folder in memory where there is one."""
    memory = "/dev/shm"
    return tempfile.TemporaryDirectory(dir=memory if Path(memory).is_dir() else None)
