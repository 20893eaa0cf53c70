"""How long the journals of old runs are kept."""

from __future__ import annotations

from collections.abc import Iterable

from backends.host import Host
from reconciler.ownership import Owned, read
from reconciler.runs.history import RunRecord, names, runs
from reconciler.runs.journal import forget

KEPT = 100
"""Runs that are kept in any case, the newest ones."""


def forget_old_runs(host: Host, kept: int = KEPT) -> None:
    """Remove the journals of runs older than the newest ``kept``.

    Never one that did not finish, one that is damaged, nor one that took over what is owned to
    this day: its journal tells what stood there before.
    """
    known = names(host.reader)
    if len(known) <= kept:
        return
    records = tuple(runs(host.reader))
    needed = _took_over(records, read(host.reader))
    for record in records[:-kept]:
        if record.finished and not record.damaged and record.run not in needed:
            forget(host, record.run)


def _took_over(records: Iterable[RunRecord], owned: Owned) -> set[str]:
    """For each thing that is owned the last run before which it was not. A run that only changed
    what was ours already is not needed for that: a host whose spec changes daily would keep all."""
    taken: dict[tuple[str, str], str] = {}
    for record in records:
        taken |= dict.fromkeys(record.taken(), record.run)
    return {run for (section, key), run in taken.items() if owned.get(section, key) is not None}
