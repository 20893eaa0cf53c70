"""What each mode does, as a short story; the chapters live elsewhere."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from backends.reader import NeedsRoot, RecordingReader
from reconciler.model import Plan
from reconciler.source import source
from specs.errors import ReconcileError, UsageError

if TYPE_CHECKING:
    from reconciler.observe import HostState
    from specs.spec import HostSpec

DEFAULT_SPEC = "/etc/reconcile/host.toml"


def run(args: argparse.Namespace) -> int:
    """Run the one mode that was asked for; returns the exit code. Raises ReconcileError."""
    modes: dict[str, Callable[[argparse.Namespace], int]] = {
        "plan": _plan,
        "apply": _apply,
        "validate": _validate,
        "inspect": _inspect,
        "init": _init,
        "capture": _capture,
        "schema": _schema,
        "rollback": _rollback,
        "history": _history,
        "confirm": _confirm,
    }
    return modes[args.mode](args)


def spec_path(args: argparse.Namespace) -> str:
    """SPEC, else $RECONCILE_SPEC, else the default."""
    given = args.operands[0] if args.operands else os.environ.get("RECONCILE_SPEC")
    if not given and not os.path.lexists(DEFAULT_SPEC):
        hint = f"write one that describes this host: reconcile --init > {DEFAULT_SPEC}"
        raise UsageError("there is no spec yet, and none was named", where=DEFAULT_SPEC, hint=hint)
    return str(given or DEFAULT_SPEC)


def _plan(args: argparse.Namespace) -> int:
    from reconciler.session import Session

    session = Session.open(spec_path(args), source(args))
    state = session.observe()
    plan = session.plan(state=state)
    if args.out is not None:
        _save(args.out, plan)
    if args.format == "html":
        sys.stdout.write(_picture(plan, state, session.spec))
    else:
        show(plan, args)
    return plan_exit_code(plan, args)


def _save(path: str, plan: Plan) -> None:
    from backends.files import replace
    from reconciler.digest import plain
    from reconciler.render.plan_json import dumps, to_json

    content = {**to_json(plan), "observed": plain(plan.observed)}
    try:
        replace(os.path.abspath(path), dumps(content).encode(), 0o600)
    except OSError as e:
        raise ReconcileError(f"cannot save the plan: {e.strerror}", where=path) from e


def _picture(plan: Plan, state: HostState, spec: HostSpec) -> str:
    from reconciler.inspection import inspect
    from reconciler.inspection.after import after
    from reconciler.render.html.plan_page import page

    found = inspect(state)
    return page(plan, found, after(found, plan, spec))


def show(plan: Plan, args: argparse.Namespace) -> None:
    """Print a plan on stdout in the wanted format."""
    if args.format == "json":
        from reconciler.render.plan_json import dumps, to_json

        sys.stdout.write(dumps(to_json(plan)))
    elif args.format == "markdown":
        from reconciler.render.plan_markdown import markdown

        sys.stdout.write(markdown(plan, strict=args.strict, verbose=args.verbose))
    else:
        from reconciler.render.plan_text import text
        from reconciler.render.style import columns, for_stream

        style = for_stream(sys.stdout, no_colour=args.no_color)
        width = columns(sys.stdout)
        how = {"verbose": args.verbose, "quiet": args.quiet, "strict": args.strict}
        sys.stdout.write(text(plan, style, **how, width=width))


def plan_exit_code(plan: Plan, args: argparse.Namespace) -> int:
    """The contract's table."""
    if plan.refusals(strict=args.strict):
        return 3
    if not args.detailed_exitcode:
        return 0
    if plan.changes:
        return 2
    return 4 if plan.pending else 0


def _apply(args: argparse.Namespace) -> int:
    from reconciler.apply_mode import apply

    found = source(args)
    if found.host is None:
        raise AssertionError("--state was refused for --apply")
    if found.host.live and os.geteuid() != 0:
        raise NeedsRoot("--apply")
    if args.resume:
        from reconciler.resume import resume

        return resume(args, found)
    return apply(args, spec_path(args), found)


def _rollback(args: argparse.Namespace) -> int:
    from reconciler.apply_mode import rollback

    found = source(args)
    if found.host is not None and found.host.live and os.geteuid() != 0:
        raise NeedsRoot("--rollback")
    return rollback(args, found)


def _confirm(args: argparse.Namespace) -> int:
    from reconciler.confirm_mode import confirm

    found = source(args)
    if found.host is not None and found.host.live and os.geteuid() != 0:
        raise NeedsRoot("--confirm")
    return confirm(args, found)


def _history(args: argparse.Namespace) -> int:
    from reconciler.history import runs
    from reconciler.render import history_text

    records = runs(source(args).reader)
    if args.format == "json":
        from reconciler.render.plan_json import dumps

        sys.stdout.write(dumps({"format_version": 1, "runs": history_text.rows(records)}))
    else:
        sys.stdout.write(history_text.text(records))
    return 0


def _validate(args: argparse.Namespace) -> int:
    from backends.bootloader import declarable
    from reconciler.render import problems
    from specs.errors import SpecError
    from specs.load import load_many

    try:
        loaded = load_many(args.operands, loaders=declarable())
    except SpecError as e:
        if args.format != "json":
            raise
        from reconciler.render.plan_json import dumps

        sys.stdout.write(dumps({"format_version": 1, "problems": problems.to_json(e.problems)}))
        return e.exit_code
    if args.format == "json":
        from reconciler.render.plan_json import dumps

        sys.stdout.write(dumps({"format_version": 1, "problems": []}))
    elif not args.quiet:
        sys.stdout.writelines(f"{item.path}: ok\n" for item in loaded)
    return 0


def _inspect(args: argparse.Namespace) -> int:
    from reconciler.inspect_mode import inspect_mode

    return inspect_mode(args, source(args))


def _init(args: argparse.Namespace) -> int:
    from reconciler.inspect_mode import init_mode

    return init_mode(args, source(args))


def _capture(args: argparse.Namespace) -> int:
    from backends.files import replace
    from reconciler import capture
    from reconciler.render.messages import say

    found = source(args)
    recorder = RecordingReader(found.reader)
    content = capture.take(recorder, found.libvirt_uri, found.ssh_connection)
    target = args.operands[0]
    try:
        replace(os.path.abspath(target), content, 0o600)
    except OSError as e:
        raise ReconcileError(f"cannot write the capture: {e.strerror}", where=target) from e
    if not args.quiet:
        say(f"{len(recorder.nodes)} paths recorded in {target}")
    return 0


def _schema(args: argparse.Namespace) -> int:

    from specs.schema import schema_text

    sys.stdout.write(schema_text())
    return 0
