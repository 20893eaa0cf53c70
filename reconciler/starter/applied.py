"""``--init`` on a host that reconcile manages already: the spec as it was applied last."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from backends.reader import CaptureError, Reader
from reconciler.observe import HostState
from reconciler.runs.history import RUNS, runs
from reconciler.starter.toml import comment, document
from reconciler.starter.trial import objection
from specs.record import Record


class Applied(Record):
    """A spec that was applied here: where it lay, and what it said, ``extends`` merged."""

    path: str
    base_dir: str
    content: Mapping[str, Any]


def applied(reader: Reader) -> Applied | None:
    """The spec of the last run that was no rollback; None where the journal is not to be had, as
    in a capture."""
    try:
        names = [r.run for r in runs(reader) if not r.first("planned").get("undoes")]
        text = reader.read_text(f"{RUNS}/{names[-1]}/plan.json") if names else None
        spec = json.loads(text or "{}").get("spec", {})
        return Applied(str(spec["path"]), str(spec["base_dir"]), dict(spec["content"]))
    except (CaptureError, ValueError, KeyError, TypeError):
        return None


def describe_applied(state: HostState, found: Applied, schema: str) -> str:
    """The spec, ready to be saved."""
    lines = list(document(_placed(found)))
    why = objection(lines, state)
    name = state.identity.hostname or "this host"
    head = [f"#:schema {schema}"]
    head += comment(f"{name} is managed by reconcile: this is what was applied, from {found.path}.")
    head += comment(f"Planning it: {why}." if why else "Planning it changes nothing.")
    return "\n".join([*head, *lines]) + "\n"


def _placed(found: Applied) -> dict[str, Any]:
    """Definitions by whole paths: the file will lie elsewhere."""
    content = dict(found.content)
    content.pop("extends", None)
    if vms := content.get("vm"):
        content["vm"] = [dict(_with_definition(vm, found.base_dir)) for vm in vms]
    return content


def _with_definition(vm: Mapping[str, Any], base_dir: str) -> Iterator[tuple[str, Any]]:
    for key, value in vm.items():
        yield key, os.path.join(base_dir, value) if key == "definition" else value
