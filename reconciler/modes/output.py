"""A plan and what became of it, on stdout in the wanted format; and the exit code for it."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Mapping
from typing import Any

from reconciler.context import BOOT_GROUP
from reconciler.messages import perhaps_unread
from reconciler.model import Effective, Pending, Plan
from reconciler.outcome import Outcome
from specs.record import replace


def dump(data: Mapping[str, Any]) -> None:
    """One JSON document."""
    from reconciler.plan_json import dumps

    sys.stdout.write(dumps(data))


def write_page(page: str) -> None:
    """An HTML page, in the encoding that it says it has, whatever the locale's is."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    sys.stdout.write(page)


def show(plan: Plan, args: argparse.Namespace, outcome: Outcome | None = None) -> None:
    """Print a plan; with an outcome, what became of each change."""
    with perhaps_unread():
        _show(plan, args, outcome)


def _show(plan: Plan, args: argparse.Namespace, outcome: Outcome | None) -> None:
    if args.format == "json":
        dump(_json(plan, outcome))
    elif args.format == "markdown":
        from reconciler.render.plan_markdown import markdown

        how = {"strict": args.strict and outcome is None, "verbose": args.verbose}
        sys.stdout.write(markdown(plan, outcome, **how))
    else:
        from reconciler.render.plan_text import text
        from reconciler.render.style import columns, for_stream

        style = for_stream(sys.stdout, no_colour=args.no_color)
        width = columns(sys.stdout)
        how = {"verbose": args.verbose, "quiet": args.quiet}
        how["strict"] = args.strict and outcome is None
        sys.stdout.write(text(plan, style, **how, outcome=outcome, width=width))


def _json(plan: Plan, outcome: Outcome | None) -> dict[str, Any]:
    from reconciler.plan_json import to_json
    from reconciler.render.plan_words import waiting

    if outcome is None:
        return to_json(plan)
    # What a plan would make wait does not wait where nothing was done.
    pending = plan.pending if "done" in outcome.results.values() else waiting(plan)
    reboot = any(p.effective is Effective.REBOOT for p in pending)
    return {**to_json(plan, outcome), "reboot_required": reboot}


def refused(plan: Plan, args: argparse.Namespace) -> int:
    """Print a plan that is not to be applied; returns the exit code."""
    if args.format == "json":
        results = {change.id: "skipped" for change in plan.changes}
        show(plan, args, Outcome(results, dict.fromkeys(results, "refused")))
    else:
        show(plan, args)
    return 3


def report(plan: Plan, outcome: Outcome, after: Plan, args: argparse.Namespace) -> int:
    """Print what was done and what is pending ``after`` it; returns the exit code."""
    pending = _configured(after)
    show(replace(plan, pending=pending), args, outcome)
    if not outcome.good:
        return 1
    return 4 if args.detailed_exitcode and pending else 0


def _configured(after: Plan) -> tuple[Pending, ...]:
    """What waits: where the boot configuration could not be changed, a reboot brings nothing."""
    left = any(change.group == BOOT_GROUP for change in after.changes)
    return tuple(p for p in after.pending if not (left and p.effective is Effective.REBOOT))


def plan_exit_code(plan: Plan, args: argparse.Namespace) -> int:
    """The contract's table."""
    if plan.refusals(strict=args.strict):
        return 3
    if not args.detailed_exitcode:
        return 0
    if plan.changes:
        return 2
    return 4 if plan.pending else 0


def agreed(plan: Plan, args: argparse.Namespace) -> bool:
    """Whether a person at a terminal says yes; a pipeline is never asked."""
    if args.yes or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return True
    show(plan, args)
    sys.stderr.write("Apply this? Only 'yes' does it: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip() == "yes"
