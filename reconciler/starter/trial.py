"""Whether a spec would change anything here: asked of the planner itself."""

from __future__ import annotations

from collections.abc import Iterable

import tomli
from pydantic import ValidationError

from reconciler.context import Context
from reconciler.model import Plan
from reconciler.observe import HostState
from reconciler.plan import build
from reconciler.render.plan_words import listed
from specs.spec import HostSpec


def plan_of(lines: Iterable[str], state: HostState) -> Plan | None:
    """The plan of these lines on this host; None where they are no spec."""
    try:
        spec = HostSpec.model_validate(tomli.loads("\n".join(lines) + "\n"))
    except (tomli.TOMLDecodeError, ValidationError, UnicodeEncodeError):  # a name that is no UTF-8
        return None
    return build(Context(spec, state, state.owned, "host.toml", "/"), spec_digest="")


def objection(lines: Iterable[str], state: HostState) -> str:
    """Why these lines do not describe the host as it is; empty if they do."""
    plan = plan_of(lines, state)
    if plan is None:
        return "a spec cannot say it this way"
    if refusals := plan.refusals(strict=False):
        return refusals[0].message
    if plan.changes:
        return f"reconcile would change {listed(change.object for change in plan.changes)}"
    if plan.pending:
        return f"{plan.pending[0].object} waits for a reboot"
    return ""
