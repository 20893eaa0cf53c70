"""What a run does, written down and synced before it is done: /var/lib/reconcile/runs/ID/.

``plan.json`` is the plan, ``owned.json`` what is owned at the end; ``journal.jsonl`` has one JSON
object a line: planned, then per change claimed, step (with what undoes it), did, done, and
verified | failed | skipped | undone; at last finished. A run without "finished" was killed. Events
are numbered (n).
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any

from backends import files
from backends.host import Host
from backends.reader import Reader
from backends.steps import (
    DefineDomain,
    RemoveFile,
    RenameFile,
    Run,
    Step,
    WriteAttribute,
    WriteFile,
)
from reconciler import ownership
from reconciler.model import Claim
from reconciler.ownership import STATE_DIR, Owned
from reconciler.runs.history import RUNS, names, record_of
from specs.errors import ReconcileError

_STAMP = "%Y%m%dT%H%M%S.%fZ"


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
            os.chmod(host.locate(STATE_DIR), 0o700)  # whoever has made it
            files.make_folders(folder, 0o700)
        self._path = os.path.join(folder, "journal.jsonl")
        self._written = len(record_of(host.reader, run).events)
        self._plan = f"{RUNS}/{run}/plan.json"
        self._copy = f"{RUNS}/{run}/owned.json"

    @classmethod
    def start(cls, host: Host, owned: Owned, plan: Mapping[str, Any], **facts: Any) -> Journal:
        """Begin a run: the plan and the first line are on the disk when this returns."""
        now = datetime.now(timezone.utc)
        run = f"{_stamp_after(host.reader, now)}-{os.getpid()}"
        try:
            journal = cls(host, run, owned)
            journal._begin(plan, when=now.isoformat(timespec="seconds"), pid=os.getpid(), **facts)
        except JournalError:
            forget(host, run)  # a full disk is not to be filled with runs that never began
            raise
        return journal

    def _begin(self, plan: Mapping[str, Any], **facts: Any) -> None:
        with _writing(self._plan):
            content = (json.dumps(plan, indent=1) + "\n").encode()
            self._host.write_file(self._plan, content, 0o600)
        self._note("planned", **facts)
        with _writing(os.path.dirname(self._path)):
            files.sync_folder(os.path.dirname(self._path))

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
            **_intended(step),
        )

    def did(self, change: str, index: int, step: Step) -> None:
        """A step was performed: what it has left tells a later foreign edit apart."""
        self._note("did", change=change, index=index, **left_by(self._host, step))

    def event(self, event: str, change: str, **facts: Any) -> None:
        """done, verified, failed, skipped or undone."""
        self._note(event, change=change, **facts)

    def finish(self, result: str) -> None:
        """The run came to its end, good or bad. What is owned then is kept with it: a record that
        is damaged later can be put back."""
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        with _writing(self._copy):
            self._host.write_file(self._copy, self.owned.to_bytes(), 0o600)
        self._note("finished", result=result, when=now)

    def _note(self, event: str, **facts: Any) -> None:
        line = json.dumps({"event": event, "n": self._written, **facts}) + "\n"
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        with _writing(self._path):
            fd = os.open(self._path, flags, 0o600)
            try:
                _append(fd, line.encode())
            finally:
                os.close(fd)
        self._written += 1


def forget(host: Host, run: str) -> None:
    """Remove what is kept of a run, as far as that can be done."""
    folder = f"{RUNS}/{run}"
    for name in host.reader.list(folder):
        with contextlib.suppress(ReconcileError):
            host.perform(RemoveFile(f"{folder}/{name}"))
    with contextlib.suppress(OSError):
        os.rmdir(host.locate(folder))


def _append(fd: int, line: bytes) -> None:
    """Add a whole line or nothing, and sync it. Raises OSError."""
    size = os.fstat(fd).st_size
    if size and os.pread(fd, 1, size - 1) != b"\n":
        line = b"\n" + line  # after what a power cut has torn
    view = memoryview(line)
    try:
        while view:
            view = view[os.write(fd, view) :]
        os.fsync(fd)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(fd, size)
        raise


def _stamp_after(reader: Reader, now: datetime) -> str:
    """A run's name begins with its time, and sorts after all others even where the clock has gone
    back (a host without a battery clock, before it has asked the network)."""
    newest = max(names(reader), default="").partition("-")[0]
    stamp = now.strftime(_STAMP)
    if stamp > newest:
        return stamp
    try:
        last = datetime.strptime(newest, _STAMP)
    except ValueError:  # the 31st of February
        return stamp
    return (last + timedelta(microseconds=1)).strftime(_STAMP)


def _intended(step: Step) -> dict[str, Any]:
    """What a file will hold: a run may be killed before it can tell what it has left."""
    if isinstance(step, WriteFile):
        return {"path": step.path, "sha256": ownership.digest(step.content)}
    return {}


def digest_of(steps: Sequence[Mapping[str, Any]]) -> str:
    """sha256 of steps as JSON: two definitions of a domain are compared by it."""
    return ownership.digest(json.dumps(steps, sort_keys=True).encode())


def left_by(host: Host, step: Step) -> dict[str, Any]:
    """What stands where a step has changed something. Raises ReconcileError."""
    if isinstance(step, DefineDomain):
        there = digest_of([s.to_json() for s in host.inverse_of_define(step)])
        return {"domain": step.domain, "uuid": step.uuid, "left": there}
    if isinstance(step, Run) or (isinstance(step, RenameFile) and step.again):
        return {}
    if isinstance(step, WriteAttribute):
        return {"attribute": step.path, "value": host.reader.read_text(step.path, optional=True)}
    return file_facts(host, step.path)


def file_facts(host: Host, path: str) -> dict[str, Any]:
    """Digest, mode and owner of a file; a digest of None where there is none."""
    content, stat = host.reader.read_bytes(path), host.reader.stat(path)
    if content is None or stat is None:
        return {"path": path, "sha256": None}
    return {
        "path": path,
        "sha256": ownership.digest(content),
        "mode": f"{stat.mode:04o}",
        "owner": [stat.uid, stat.gid],
    }
