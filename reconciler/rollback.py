"""--rollback: undo a run from its journal; what others edited since then is not touched."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from backends.host import Host
from backends.inverse import in_order
from backends.steps import WriteAttribute
from reconciler.journal import RUNS, RunRecord, runs
from reconciler.model import Change, Finding, Plan, refuse
from reconciler.ownership import digest
from specs.errors import ReconcileError, UsageError


def find(host: Host, name: str | None) -> RunRecord:
    """The run of that name, or the last one that changed something. Raises UsageError."""
    known = [r for r in runs(host.reader) if r.undo_steps()]
    if name is None:
        if not known:
            raise ReconcileError(
                "there is no run to undo", hint="reconcile --history lists the runs"
            )
        return known[-1]
    found = next((r for r in known if r.run == name), None)
    if found is None:
        names = ", ".join(r.run for r in known[-5:])
        hint = f"the last runs are: {names}" if names else "there are no runs on this host"
        raise UsageError(f"there is no run {name}", hint=hint)
    return found


def plan(host: Host, record: RunRecord) -> Plan:
    """The plan that undoes a run: one change, all or nothing, and the conflicts as refusals."""
    steps = in_order(record.undo_steps())
    planned = _planned(host, record)
    change = Change(
        id=f"rollback:{record.run}",
        kind="rollback",
        object=record.run,
        field="changes",
        before="applied",
        after="undone",
        because="--rollback",
        steps=tuple(steps),
        claims=tuple(record.was_owned()),
        details=tuple(("-", s.preview(), "") for s in steps if not isinstance(s, WriteAttribute)),
    )
    return Plan(
        host=dict(planned.get("host", {})),
        spec_path=str(record.first("planned").get("spec", "")),
        spec_digest=str(record.first("planned").get("digest", "")),
        state_digest=str(planned.get("state_digest", "")),
        changes=(change,),
        findings=tuple(_conflicts(host, record)),
    )


def _planned(host: Host, record: RunRecord) -> Mapping[str, Any]:
    """The plan that the run carried out, for the machine it names."""
    try:
        found = json.loads(host.reader.read_text(f"{RUNS}/{record.run}/plan.json") or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _conflicts(host: Host, record: RunRecord) -> list[Finding]:
    """Files that are no longer as the run left them: someone edited them since."""
    found = []
    for path, left in record.written().items():
        content = host.reader.read_bytes(path)
        if (content and digest(content)) != left:
            found.append(
                refuse(
                    "rollback-conflict",
                    path,
                    "the file has changed since that run",
                    "undo later runs first, or put the file back by hand; its bytes from before "
                    f"the run are in the journal of {record.run}",
                )
            )
    return found
