"""Clearing up after a run that was killed, before anything else is done.

Files are old or new, never torn, and every claim was recorded before its change: a fresh plan
finishes the job. What is left to do here is to remove temporary files, and to close the journal.
"""

from __future__ import annotations

import json
import sys

from backends import files
from backends.host import Host
from backends.steps import step_from_json
from reconciler.journal import RUNS, Journal, RunRecord, interrupted
from reconciler.ownership import read


def recover(host: Host, *, quiet: bool) -> None:
    """Deal with the newest run if it was killed; says so on stderr."""
    record = interrupted(host.reader)
    if record is None:
        return
    change = record.open_change()
    if not quiet:
        at = f" while doing {change}" if change else ""
        sys.stderr.write(f"run {record.run} was killed{at}: clearing up and going on\n")
    for path in _leftovers(host, record):
        host.remove_file(path)
    Journal(host, record.run, read(host.reader)).finish("killed")


def _leftovers(host: Host, record: RunRecord) -> list[str]:
    """Temporary files that a killed step may have left beside its targets."""
    text = host.reader.read_text(f"{RUNS}/{record.run}/plan.json")
    plan = json.loads(text) if text else {"changes": []}
    found = []
    for change in plan["changes"]:
        for data in change["steps"]:
            step = step_from_json(data)
            path, source = getattr(step, "path", None), getattr(step, "source", None)
            found += [files.temporary_name(path)] if path and data["do"] == "write" else []
            found += [source] if source else []
    return [path for path in found if host.reader.exists(path)]
