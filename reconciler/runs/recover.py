"""Clearing up after a run that was killed, before anything else is done.

Files are old or new, never torn, and every claim was recorded before its change: a fresh plan
finishes the job. What is left to do here is to remove temporary files, and to close the journal.
"""

from __future__ import annotations

from collections.abc import Iterator

from backends import files
from backends.host import Host
from backends.steps import RemoveFile, RenameFile, Run, Step, WriteFile
from reconciler.messages import say
from reconciler.ownership import PATH, read
from reconciler.plan_json import from_json
from reconciler.runs.history import RUNS, RunRecord, interrupted
from reconciler.runs.journal import Journal
from specs.errors import ReconcileError


def recover(host: Host, *, quiet: bool) -> None:
    """Deal with the newest run if it was killed; says so on stderr."""
    record = interrupted(host.reader)
    if record is None:
        return
    change = record.open_change()
    if not quiet:
        at = f" while doing {change}" if change else ""
        say(f"run {record.run} was killed{at}: clearing up and going on")
    try:
        leftovers = _leftovers(host, record)
    except ReconcileError as e:  # damaged, or of another version: no reason never to run again
        say(f"what it may have left beside its files (.NAME.reconcile~) is not known: {e}")
        leftovers = []
    for path in leftovers:
        host.perform(RemoveFile(path))
    Journal(host, record.run, read(host.reader)).finish("killed")


def _leftovers(host: Host, record: RunRecord) -> list[str]:
    """Temporary files that a killed step, or the undoing of one, may have left beside its
    target."""
    folder = f"{RUNS}/{record.run}"
    ours = (PATH, f"{folder}/plan.json", f"{folder}/owned.json")
    found = [files.temporary_name(path) for path in ours]
    steps = (*_planned(host, record), *(s for undo in record.undo_steps() for s in undo))
    found += [files.temporary_name(s.path) for s in steps if isinstance(s, WriteFile)]
    aside = tuple(s.source for s in steps if isinstance(s, RenameFile))
    touched = (path for s in steps if isinstance(s, Run) for path in s.touches)
    found += [*aside, *(path for path in touched if path.startswith(aside))]
    return [path for path in dict.fromkeys(found) if host.reader.exists(path)]


def _planned(host: Host, record: RunRecord) -> Iterator[Step]:
    path = f"{RUNS}/{record.run}/plan.json"
    text = host.reader.read_text(path)
    if text:  # else it was killed before that was written
        yield from (step for change in from_json(text, path).changes for step in change.steps)
