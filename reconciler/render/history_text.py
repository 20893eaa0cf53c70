"""The runs on this host, newest last."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reconciler.render.markdown import cell, code
from reconciler.render.style import clean
from reconciler.runs.history import RunRecord


def rows(records: Iterable[RunRecord]) -> list[dict[str, Any]]:
    """What ``--history`` tells of each run."""
    return [_row(record) for record in records]


def _row(record: RunRecord) -> dict[str, Any]:
    planned, finished = record.first("planned"), record.first("finished")
    done = [e["change"] for e in record.standing("verified")]
    failed = [e["change"] for e in record.events if e["event"] == "failed"]
    return {
        "run": record.run,
        "when": planned.get("when"),
        "spec": planned.get("spec"),
        "digest": planned.get("digest"),
        "commit": planned.get("commit"),
        "uncommitted": planned.get("uncommitted"),
        "undoes": planned.get("undoes"),
        "result": finished.get("result", "killed"),
        "changed": done,
        "failed": failed,
        "damaged": record.damaged,
    }


def text(records: Iterable[RunRecord]) -> str:
    """A paragraph a run."""
    lines = []
    for row in rows(records):
        commit = f", commit {row['commit'][:12]}" if row["commit"] else ""
        commit += " with changes" if commit and row["uncommitted"] else ""
        lines.append(f"{row['run']}  {row['result']}  {_when(row['when'])}")
        if row["damaged"]:
            lines.append("    ! its journal is damaged: events are missing")
        if row["undoes"]:
            lines.append(f"    undoes {clean(row['undoes'])}")
        elif row["when"] is None:
            lines.append("    what it was to do is not known")
        else:
            lines.append(f"    {clean(str(row['spec']))} ({str(row['digest'])[:19]}{commit})")
        if not row["undoes"]:
            lines += [f"    ✓ {clean(c)}" for c in row["changed"]]
        lines += [f"    ✗ {clean(c)}" for c in row["failed"]]
    return "\n".join(lines) + "\n" if lines else "No runs on this host yet.\n"


def markdown(records: Iterable[RunRecord]) -> str:
    """A table, a run a line."""
    lines = ["| run | when | result | spec | changed |", "|---|---|---|---|---|"]
    for row in rows(records):
        spec = f"undoes {code(row['undoes'])}" if row["undoes"] else code(row["spec"])
        changed = ["! its journal is damaged"] if row["damaged"] else []
        changed += [f"✓ {code(c)}" for c in row["changed"]] + [
            f"✗ {code(c)}" for c in row["failed"]
        ]
        cells = (code(row["run"]), cell(_when(row["when"])), cell(row["result"]), spec)
        lines.append(f"| {' | '.join(cells)} | {'<br>'.join(changed) or '–'} |")
    return "\n".join(lines) + "\n"


def _when(moment: str | None) -> str:
    """``2026-11-26 09:40:07 UTC`` of the journal's ISO 8601."""
    return clean(moment or "").replace("T", " ").replace("+00:00", " UTC")
