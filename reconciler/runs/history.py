"""A run as its journal tells it, and all runs of a host."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from backends.formats import json_text
from backends.reader import Reader
from backends.steps import Step, step_from_json
from reconciler.model import Claim
from reconciler.ownership import STATE_DIR
from specs.errors import ReconcileError
from specs.record import Record

RUNS = f"{STATE_DIR}/runs"

# What an event must tell to be of use: anything else is as good as torn.
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "planned": (),
    "claimed": ("change", "claims", "was"),
    "step": ("change", "undo"),
    "did": ("change",),
    "done": ("change",),
    "verified": ("change",),
    "failed": ("change",),
    "skipped": ("change",),
    "undone": ("change",),
    "finished": ("result",),
}
_NAMES = ("change", "path", "attribute", "domain")
_RUN = re.compile(r"\d{8}T\d{6}\.\d{6}Z-\d+")
_BEGINS = '{"event"'  # every line of a journal


class RunRecord(Record):
    """The events of a run in order. What a power cut has torn is left out; ``damaged``: other
    events are missing as well, so that nothing can be undone by what is left."""

    run: str
    events: tuple[Mapping[str, Any], ...]
    damaged: bool = False

    @property
    def finished(self) -> bool:
        """Whether the run came to an end of its own, or was cleared up after."""
        return any(e["event"] == "finished" for e in self.events)

    def first(self, event: str) -> Mapping[str, Any]:
        """The first event of a kind, or an empty one."""
        return next((e for e in self.events if e["event"] == event), {})

    def standing(self, event: str) -> list[Mapping[str, Any]]:
        """Events of a kind, less those of changes that were undone within the run."""
        undone = {e["change"] for e in self.events if e["event"] == "undone"}
        return [e for e in self.events if e["event"] == event and e["change"] not in undone]

    def did(self, change: str) -> bool:
        """Whether a step of a change was begun and not undone within the run."""
        return any(e["change"] == change for e in self.standing("step"))

    def undo_steps(self, but: str = "") -> list[tuple[Step, ...]]:
        """What undoes each performed step, in the order in which they were performed; those of
        the change ``but`` are left out. Raises ReconcileError, see ``undo_of``."""
        return [undo_of(self, e) for e in self.standing("step") if e["change"] != but]

    def taken(self) -> list[tuple[str, str]]:
        """Section and key of what was not owned before this run claimed it."""
        claimed = [e for e in self.events if e["event"] == "claimed"]
        pairs = (pair for e in claimed for pair in zip(e["claims"], e["was"], strict=False))
        return [
            (claim["section"], claim["key"])
            for claim, was in pairs
            if was["value"] is None and claim["value"] is not None
        ]

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


def undo_of(record: RunRecord, event: Mapping[str, Any]) -> tuple[Step, ...]:
    """The steps that undo a step. Raises ReconcileError on any that this version does not know."""
    try:
        return tuple(step_from_json(undo) for undo in event["undo"])
    except (KeyError, ValueError, TypeError, AttributeError) as e:
        raise ReconcileError(
            f"this is not a journal that this version understands ({e!r})",
            where=f"{RUNS}/{record.run}/journal.jsonl",
            hint="use the version of reconcile that wrote it (its plan.json names it)",
        ) from e


def names(reader: Reader) -> tuple[str, ...]:
    """The runs on this host, oldest first; whatever else lies there is no run."""
    return tuple(name for name in reader.list(RUNS) if _RUN.fullmatch(name))


def runs(reader: Reader) -> Iterator[RunRecord]:
    """Every run on this host, oldest first."""
    for name in names(reader):
        yield record_of(reader, name)


def record_of(reader: Reader, name: str) -> RunRecord:
    """The run of that name."""
    return of_journal(name, reader.read_text(f"{RUNS}/{name}/journal.jsonl") or "")


def of_journal(name: str, journal: str) -> RunRecord:
    """The run that a journal tells of. A torn line was never answered by anything that came of it:
    an event is on the disk before what it announces is done. So the next one has its number."""
    lines = journal.split("\n")
    told = [_event(line) for line in lines]
    events = tuple(event for event in told if event is not None)
    junk = (line for line, event in zip(lines, told, strict=True) if event is None)
    missing = any(event.get("n", n) != n for n, event in enumerate(events))
    return RunRecord(name, events, missing or not all(map(_torn, junk)))


def _torn(line: str) -> bool:
    """Whether a line may be what a power cut has left of one: its beginning, or a block that was
    never written."""
    return line.startswith((_BEGINS, "\0")) or _BEGINS.startswith(line)


def _event(line: str) -> Mapping[str, Any] | None:
    try:
        event = json_text.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict) or not isinstance(event.get("event"), str):
        return None
    known = all(name in event for name in _FIELDS.get(event["event"], ()))
    known = known and all(isinstance(event.get(name, ""), str) for name in _NAMES)
    lists = [event.get(name, []) for name in ("claims", "was", "undo")]
    return event if known and all(map(_of_objects, lists)) and _claims(lists) else None


def _of_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _claims(lists: list[list[dict[str, Any]]]) -> bool:
    claims = [*lists[0], *lists[1]]
    texts = all(isinstance(c.get(k), str) for c in claims for k in ("section", "key"))
    return texts and all("value" in c for c in claims)


def interrupted(reader: Reader) -> RunRecord | None:
    """The newest run, if it was killed."""
    newest = names(reader)[-1:]
    if not newest:
        return None
    record = record_of(reader, newest[0])
    return None if record.finished else record
