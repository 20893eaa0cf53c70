"""A plan as JSON, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from backends.formats import json_text
from backends.steps import step_from_json
from reconciler import __version__
from reconciler.model import Change, Claim, Effective, Finding, Pending, Plan, Severity
from reconciler.outcome import Outcome, result_fields
from specs.errors import ReconcileError

FORMAT_VERSION = 1


class PlanError(ReconcileError):
    """A saved plan cannot be used (EX_DATAERR)."""

    exit_code = 65


def to_json(plan: Plan, outcome: Outcome | None = None) -> dict[str, Any]:
    """The contract's object; with an outcome, every change carries its result."""
    results = result_fields(outcome) if outcome else {}
    changes = [{**c.to_json(), **results.get(c.id, {})} for c in plan.changes]
    return {
        "format_version": FORMAT_VERSION,
        "tool_version": __version__,
        "host": plan.host,
        "spec": {
            "path": plan.spec_path,
            "digest": plan.spec_digest,
            "base_dir": plan.base_dir,
            "content": plan.spec_content,
            "documents": plan.documents,
        },
        "state_digest": plan.state_digest,
        "changes": changes,
        "pending": [p.to_json() for p in plan.pending],
        "findings": [f.to_json() for f in plan.findings],
        "unchanged": [
            {"object": u.object, "reason": u.reason, "because": u.because} for u in plan.unchanged
        ],
        "summary": summary(plan),
    }


def summary(plan: Plan) -> dict[str, int]:
    """Counts of changes by effect."""
    kinds = [c.effective for c in plan.changes]
    return {
        "changes": len(kinds),
        "now": kinds.count(Effective.NOW),
        "vm_restart": kinds.count(Effective.VM_RESTART),
        "reboot": kinds.count(Effective.REBOOT),
    }


def dumps(data: Mapping[str, Any]) -> str:
    """Readable JSON; what is not UTF-8 in it stays escaped."""
    return json.dumps(data, indent=2) + "\n"


def from_json(text: str, where: str) -> Plan:
    """A saved plan. Raises PlanError on anything that this version did not write."""
    try:
        data = json_text.loads(text)
        if data["format_version"] != FORMAT_VERSION:
            raise ValueError(f"format_version {data['format_version']!r}")
        return _plan(data)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
        why = f"it has no {e}" if isinstance(e, KeyError) else str(e)
        raise PlanError(
            f"this is not a plan that this version can apply: {why}",
            where=where,
            hint="make a new one: reconcile --plan SPEC --out FILE",
        ) from e


def _plan(data: Mapping[str, Any]) -> Plan:
    spec = data["spec"]
    return Plan(
        host=dict(data["host"]),
        spec_path=str(spec["path"]),
        spec_digest=str(spec["digest"]),
        state_digest=str(data["state_digest"]),
        changes=tuple(_change(c) for c in data["changes"]),
        pending=tuple(
            Pending(p["object"], p["configured"], p["running"], Effective(p["effective"]))
            for p in data["pending"]
        ),
        findings=tuple(
            Finding(Severity(f["severity"]), f["code"], f["where"], f["message"], f["hint"])
            for f in data["findings"]
        ),
        spec_content=dict(spec["content"]),
        documents=dict(spec["documents"]),
        base_dir=str(spec["base_dir"]),
        observed=data.get("observed"),
    )


def _change(data: Mapping[str, Any]) -> Change:
    return Change(
        id=str(data["id"]),
        kind=str(data["kind"]),
        object=str(data["object"]),
        field=str(data["field"]),
        before=data["before"],
        after=data["after"],
        because=str(data["because"]),
        steps=tuple(step_from_json(s) for s in data["steps"]),
        effective=Effective(data["effective"]),
        requires=frozenset(data["requires"]),
        group=str(data["group"]),
        claims=tuple(
            Claim(c["section"], c["key"], c["value"], c["settled"]) for c in data["claims"]
        ),
        details=tuple((d["sign"], d["text"], d["because"]) for d in data["details"]),
        drift=bool(data.get("drift", False)),
    )
