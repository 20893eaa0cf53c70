"""What a run does, written down and synced before it is done: /var/lib/reconcile/runs/ID/.

``plan.json`` is the plan; ``journal.jsonl`` has one JSON object a line:
planned, then per change claimed, step (with what undoes it), done, and verified | failed |
skipped | undone; at last finished. A run without "finished" was killed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any

from backends import files
from backends.host import Host
from backends.reader import Reader
from backends.steps import Step, WriteAttribute, step_from_json
from reconciler import ownership
from reconciler.model import Claim
from reconciler.ownership import STATE_DIR, Owned
from specs.errors import ReconcileError
from specs.record import Record

RUNS = f"{STATE_DIR}/runs"


class JournalError(ReconcileError):
    """What is about to be done, or what is owned, could not be written down."""


@contextmanager
def _writing(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as e:
        raise JournalError(
            f"the journal cannot be written: {e.strerror or e}",
            where=path,
            hint="make room or repair that file system, then run again",
        ) from e


class Journal:
    """The record of one run, and of what reconcile owns while it goes on."""

    def __init__(self, host: Host, run: str, owned: Owned) -> None:
        self.run = run
        self.owned = owned
        self._host = host
        folder = host.locate(f"{RUNS}/{run}")
        with _writing(folder):
            files.make_folders(host.locate(STATE_DIR), 0o700)
            files.make_folders(folder, 0o700)
        self._path = os.path.join(folder, "journal.jsonl")
        self._plan = f"{RUNS}/{run}/plan.json"

    @classmethod
    def start(cls, host: Host, owned: Owned, plan: Mapping[str, Any], **facts: Any) -> Journal:
        """Begin a run: the plan and the first line are on the disk when this returns."""
        now = datetime.now(timezone.utc)
        run = f"{now:%Y%m%dT%H%M%S.%fZ}-{os.getpid()}"
        journal = cls(host, run, owned)
        with _writing(journal._plan):
            host.write_file(journal._plan, (json.dumps(plan, indent=1) + "\n").encode(), 0o600)
        journal._note("planned", when=now.isoformat(timespec="seconds"), pid=os.getpid(), **facts)
        with _writing(os.path.dirname(journal._path)):
            files.sync_folder(os.path.dirname(journal._path))
        return journal

    def claim(self, change: str, claims: Sequence[Claim]) -> None:
        """Own things: recorded before they are touched, so that a kill can lose nothing."""
        if not claims:
            return
        before = self.owned
        self.owned = self.owned.with_claims(claims)
        if self.owned == before:
            return
        keys = [{"section": c.section, "key": c.key, "value": c.value} for c in claims]
        was = [
            {"section": c.section, "key": c.key, "value": before.get(c.section, c.key)}
            for c in claims
        ]
        try:
            self._note("claimed", change=change, claims=keys, was=was)
            with _writing(ownership.PATH):
                self._host.write_file(ownership.PATH, self.owned.to_bytes(), 0o600)
        except JournalError:
            self.owned = before
            raise

    def step(self, change: str, index: int, step: Step, undo: Sequence[Step]) -> None:
        """A step is about to be performed."""
        self._note(
            "step",
            change=change,
            index=index,
            preview=step.preview(),
            undo=[u.to_json() for u in undo],
        )

    def did(self, change: str, index: int, step: Step) -> None:
        """A step was performed: what its file holds now tells a later foreign edit apart."""
        path = getattr(step, "path", None)
        facts = {}
        if path is not None and not isinstance(step, WriteAttribute):
            content = self._host.reader.read_bytes(path)
            facts = {"path": path, "sha256": content and ownership.digest(content)}
        self._note("did", change=change, index=index, **facts)

    def event(self, event: str, change: str, **facts: Any) -> None:
        """done, verified, failed, skipped or undone."""
        self._note(event, change=change, **facts)

    def finish(self, result: str) -> None:
        """The run came to its end, good or bad."""
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        self._note("finished", result=result, when=now)

    def _note(self, event: str, **facts: Any) -> None:
        line = json.dumps({"event": event, **facts}) + "\n"
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        with _writing(self._path):
            fd = os.open(self._path, flags, 0o600)
            try:
                os.write(fd, line.encode())
                os.fsync(fd)
            finally:
                os.close(fd)


class RunRecord(Record):
    """A run as its journal tells it, events in order. A torn last line is left out."""

    run: str
    events: tuple[Mapping[str, Any], ...]

    @property
    def finished(self) -> bool:
        """Whether the run came to an end of its own."""
        return any(e["event"] == "finished" for e in self.events)

    def first(self, event: str) -> Mapping[str, Any]:
        """The first event of a kind, or an empty one."""
        return next((e for e in self.events if e["event"] == event), {})

    def _standing(self, event: str) -> list[Mapping[str, Any]]:
        """Events of a kind, less those of changes that were undone within the run."""
        undone = {e["change"] for e in self.events if e["event"] == "undone"}
        return [e for e in self.events if e["event"] == event and e["change"] not in undone]

    def undo_steps(self) -> list[tuple[Step, ...]]:
        """What undoes each performed step, in the order in which they were performed."""
        return [tuple(step_from_json(u) for u in e["undo"]) for e in self._standing("step")]

    def written(self) -> dict[str, str | None]:
        """The sha256 of each file as the run left it (None: removed)."""
        return {e["path"]: e["sha256"] for e in self._standing("did") if "path" in e}

    def still_owns(self, owned: Owned) -> bool:
        """Whether anything that this run claimed is owned to this day."""
        claimed = (c for e in self.events if e["event"] == "claimed" for c in e["claims"])
        return any(owned.get(c["section"], c["key"]) is not None for c in claimed)

    def was_owned(self) -> list[Claim]:
        """Claims that give the ownership record back, in the order to make them."""
        claimed = [w for e in self.events if e["event"] == "claimed" for w in e["was"]]
        return [Claim(w["section"], w["key"], w["value"]) for w in reversed(claimed)]

    def open_change(self) -> str | None:
        """The change that was being done when the run was killed."""
        started = [e["change"] for e in self.events if e["event"] in ("claimed", "step")]
        closed = {
            e["change"] for e in self.events if e["event"] in ("verified", "failed", "undone")
        }
        return next((c for c in reversed(started) if c not in closed), None)


def runs(reader: Reader) -> Iterator[RunRecord]:
    """Every run on this host, oldest first."""
    for name in reader.list(RUNS):
        text = reader.read_text(f"{RUNS}/{name}/journal.jsonl")
        yield RunRecord(name, tuple(_events(text or "")))


def _events(text: str) -> Iterator[Mapping[str, Any]]:
    for line in text.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            return  # torn by a power cut: nothing after it was written
        if isinstance(event, dict) and "event" in event:
            yield event


def interrupted(reader: Reader) -> RunRecord | None:
    """The newest run, if it was killed."""
    names = reader.list(RUNS)
    if not names:
        return None
    text = reader.read_text(f"{RUNS}/{names[-1]}/journal.jsonl")
    record = RunRecord(names[-1], tuple(_events(text or "")))
    return None if record.finished else record
