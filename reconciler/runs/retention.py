"""How long the journals of old runs are kept."""

from __future__ import annotations

import contextlib

from backends.host import Host
from backends.steps import RemoveFile
from reconciler.ownership import read
from reconciler.runs.history import RUNS, runs
from specs.errors import ReconcileError

KEPT = 100
"""Runs that are kept in any case, the newest ones."""


def forget_old_runs(host: Host, kept: int = KEPT) -> None:
    """Remove the journals of runs older than the newest ``kept``.

    Never one that did not finish, nor one that claimed what is owned to this day: its journal tells
    what stood there before.
    """
    names = host.reader.list(RUNS)
    old = set(names[: max(0, len(names) - kept)])
    if not old:
        return
    owned = read(host.reader)
    for record in runs(host.reader):
        if record.run in old and record.finished and not record.still_owns(owned):
            folder = f"{RUNS}/{record.run}"
            for name in host.reader.list(folder):
                # What cannot be removed stays: this run has done its work.
                with contextlib.suppress(ReconcileError):
                    host.perform(RemoveFile(f"{folder}/{name}", (folder,)))
