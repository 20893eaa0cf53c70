"""A plan from a file: the one that was reviewed, or nothing."""

from __future__ import annotations

from reconciler.model import Finding, Plan, refuse
from specs.record import replace

_MAX_BYTES = 64 << 20


def load(path: str) -> Plan | None:
    """A plan if the file looks like JSON (no spec starts with a brace), else None.

    Raises PlanError where it is JSON and no plan of this version.
    """
    from backends.files import read_regular
    from reconciler.plan_json import from_json

    try:
        content = read_regular(path, _MAX_BYTES)
    except OSError:
        return None  # the spec loader says what is wrong with it
    if not content.lstrip().startswith(b"{"):
        return None
    return from_json(content.decode("utf-8", "replace"), path)


def checked(saved: Plan | None, fresh: Plan) -> Plan:
    """What is to be applied: ``fresh``, or the ``saved`` plan, which is refused (``stale-plan``)
    unless it is what planning gives here and now.

    Its steps are thus never trusted: whoever could edit the file can have nothing done that its
    spec would not do.
    """
    if saved is None:
        return fresh
    plan = replace(saved, state_digest=fresh.state_digest, contents=fresh.contents)
    return replace(plan, names=fresh.names, findings=(*_stale(saved, fresh), *fresh.findings))


def _stale(saved: Plan, fresh: Plan) -> tuple[Finding, ...]:
    if saved.state_digest != fresh.state_digest:
        from reconciler.diff import differences
        from reconciler.digest import plain

        changed = "; ".join(differences(saved.observed, plain(fresh.observed)))
        why = f"this host has changed since the plan was made: {changed}"
    elif [c.to_json() for c in saved.changes] != [c.to_json() for c in fresh.changes]:
        why = "its steps are not what its spec gives on this host: it was edited, or another "
        why += "version of reconcile made it"
    else:
        return ()
    hint = "make a new plan: reconcile --plan SPEC --out FILE"
    return (refuse("stale-plan", saved.spec_path, why, hint),)
