"""--plan: what --apply would do."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from reconciler.model import Plan
from reconciler.modes.output import plan_exit_code, show, write_page
from reconciler.modes.target import spec_path
from reconciler.session import Session
from reconciler.source import source
from specs.errors import ReconcileError

if TYPE_CHECKING:
    from reconciler.observe import HostState
    from specs.spec import HostSpec


def run(args: argparse.Namespace) -> int:
    """Plan, print, and save where --out says; returns the exit code. Raises ReconcileError."""
    session = Session.open(spec_path(args), source(args))
    plan = session.plan()
    if args.out is not None:
        _save(args.out, plan)
    if args.format == "html":
        write_page(_picture(plan, plan.observed, session.spec))
    else:
        show(plan, args)
    return plan_exit_code(plan, args)


def _save(path: str, plan: Plan) -> None:
    from backends.files import save
    from reconciler.digest import plain
    from reconciler.plan_json import dumps, to_json

    content = {**to_json(plan), "observed": plain(plan.observed)}
    try:
        save(path, dumps(content).encode())
    except OSError as e:
        raise ReconcileError(f"cannot save the plan: {e.strerror}", where=path) from e


def _picture(plan: Plan, state: HostState, spec: HostSpec) -> str:
    from reconciler.inspection import inspect
    from reconciler.inspection.after import after
    from reconciler.render.html.plan_page import page

    found = inspect(state)
    return page(plan, found, after(found, plan, spec))
