"""--apply: lock, look, refuse or do, look again, and say what is left."""

from __future__ import annotations

import argparse
import sys
from functools import partial

from backends import lock
from backends.host import Host
from backends.package_managers import none_at_work
from reconciler.apply import Apply, Outcome
from reconciler.git import commit_of
from reconciler.journal import Journal
from reconciler.left import remember
from reconciler.model import Change, Effective, Plan
from reconciler.modes import plan_exit_code, show
from reconciler.recover import recover
from reconciler.render.progress import watch_of
from reconciler.resources.files import BOOT_GROUP
from reconciler.retention import forget_old_runs
from reconciler.session import Session
from reconciler.source import Source
from specs.errors import ReconcileError
from specs.record import replace


class StalePlan(ReconcileError):
    """What the plan was computed from has changed since (refused)."""

    exit_code = 3


def apply(args: argparse.Namespace, path: str, source: Source) -> int:
    """Apply a spec or a saved plan; returns the exit code. Raises ReconcileError."""
    host = source.host
    assert host is not None
    saved = _saved_plan(path)
    session = Session.of_plan(saved, source, path) if saved else Session.open(path, source)
    session = replace(session, again=args.again)
    # Looking first without the lock: a host in sync is left without a single write.
    first = session.plan()
    if not needs_work(first, host) or first.refusals(strict=args.strict):
        return _nothing_done(first, args, saved)
    if not _agreed(first, args):
        raise ReconcileError("not applied: the question was not answered with yes")
    with lock.hold(host):
        none_at_work(host)
        recover(host, quiet=args.quiet)
        plan = session.plan()
        if saved:
            _same_state(saved, plan)
            plan = replace(saved, state_digest=plan.state_digest, contents=plan.contents)
        if plan.refusals(strict=args.strict):
            return _nothing_done(plan, args, saved)
        outcome = carry_out(host, session, plan, args)
        after = session.plan()
        if outcome.good:
            remember(host, session, after, going_on=args.resume)
        forget_old_runs(host)
    return report(plan, outcome, after, args)


def needs_work(plan: Plan, host: Host) -> bool:
    """Whether there is anything to do: changes, or a killed run to clear up after."""
    from reconciler.history import interrupted

    return bool(plan.changes) or interrupted(host.reader) is not None


def _saved_plan(path: str) -> Plan | None:
    """A plan if the file looks like JSON (no spec starts with a brace), else None."""
    from backends.files import read_regular
    from reconciler.render.plan_json import from_json

    try:
        content = read_regular(path, 64 << 20)
    except OSError:
        return None  # the spec loader says what is wrong with it
    if not content.lstrip().startswith(b"{"):
        return None
    return from_json(content.decode("utf-8", "replace"), path)


def _same_state(saved: Plan, fresh: Plan) -> None:
    if saved.state_digest != fresh.state_digest:
        from reconciler.diff import differences
        from reconciler.digest import plain

        changed = "; ".join(differences(saved.observed, plain(fresh.observed)))
        raise StalePlan(
            f"stale-plan: this host has changed since the plan was made: {changed}",
            where=saved.spec_path,
            hint="make a new plan: reconcile --plan SPEC --out FILE",
        )


def _agreed(plan: Plan, args: argparse.Namespace) -> bool:
    if args.yes or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return True
    show(plan, args)
    sys.stderr.write("Apply this? Only 'yes' does it: ")
    sys.stderr.flush()
    return sys.stdin.readline().strip() == "yes"


def _nothing_done(plan: Plan, args: argparse.Namespace, saved: Plan | None) -> int:
    if saved and saved.changes:
        _same_state(saved, plan)
    code = plan_exit_code(plan, args)
    if code == 3:
        print_refused(plan, args)
        return code
    print_result(plan, Outcome({}), args)
    return 0 if code == 2 else code


def print_refused(plan: Plan, args: argparse.Namespace) -> None:
    """The plan as it would be shown; as JSON with what became of each change."""
    if args.format == "json":
        results = {change.id: "skipped" for change in plan.changes}
        print_result(plan, Outcome(results, dict.fromkeys(results, "refused")), args)
    else:
        show(plan, args)


def carry_out(
    host: Host, session: Session, plan: Plan, args: argparse.Namespace, **facts: str
) -> Outcome:
    """A run over a plan, with the lock held; the journal keeps ``facts``. Raises JournalError."""
    from reconciler.render.plan_json import to_json

    if not args.quiet:
        host.watch = watch_of(sys.stderr, plan)
    state = session.observe()
    journal = Journal.start(
        host,
        state.owned,
        to_json(plan),
        boot=state.identity.boot_id,
        command=sys.argv,
        spec=plan.spec_path,
        digest=plan.spec_digest,
        commit=commit_of(plan.spec_path),
        **facts,
    )

    def gate(change: Change) -> None:
        if change.group == BOOT_GROUP:  # one may have begun since the lock was taken
            none_at_work(host)

    return Apply(host, plan, journal, session.plan, gate).run()


def rollback(args: argparse.Namespace, source: Source) -> int:
    """Undo a run; returns the exit code. Raises ReconcileError."""
    from reconciler import rollback
    from reconciler.observe import observe
    from reconciler.render.plan_json import to_json
    from reconciler.resources import own_paths

    host = source.host
    assert host is not None
    with lock.hold(host):
        none_at_work(host)
        recover(host, quiet=args.quiet)
        record = rollback.find(host, args.operands[0] if args.operands else None)
        state = observe(host.reader, own_paths(), libvirt_uri=source.libvirt_uri)
        plan = rollback.plan(host, record, state)
        if plan.findings:
            print_refused(plan, args)
            return 3
        if not _agreed(plan, args):
            raise ReconcileError("not undone: the question was not answered with yes")
        if not args.quiet:
            host.watch = watch_of(sys.stderr, plan)
        facts = {"boot": state.identity.boot_id, "undoes": record.run}
        journal = Journal.start(
            host, state.owned, to_json(plan), command=sys.argv, spec=plan.spec_path, **facts
        )
        look = partial(rollback.looked_at_again, host, plan)
        outcome = Apply(host, plan, journal, lambda _: look()).run()
        forget_old_runs(host)
    print_result(plan, outcome, args)
    return 0 if outcome.good else 1


def report(plan: Plan, outcome: Outcome, after: Plan, args: argparse.Namespace) -> int:
    """Print what was done and what is pending ``after`` it; returns the exit code."""
    shown = replace(plan, pending=after.pending)
    print_result(shown, outcome, args)
    if not outcome.good:
        return 1
    return 4 if args.detailed_exitcode and after.pending else 0


def print_result(plan: Plan, outcome: Outcome, args: argparse.Namespace) -> None:
    """A plan and what became of it, on stdout in the wanted format."""
    from reconciler.render.plan_json import dumps, to_json
    from reconciler.render.plan_markdown import markdown
    from reconciler.render.plan_text import text
    from reconciler.render.plan_words import waiting
    from reconciler.render.style import columns, for_stream

    if args.format == "json":
        # What a plan would make wait does not wait where nothing was done.
        pending = plan.pending if "done" in outcome.results.values() else waiting(plan)
        reboot = any(p.effective is Effective.REBOOT for p in pending)
        sys.stdout.write(dumps({**to_json(plan, outcome), "reboot_required": reboot}))
    elif args.format == "markdown":
        sys.stdout.write(markdown(plan, outcome, verbose=args.verbose))
    else:
        style = for_stream(sys.stdout, no_colour=args.no_color)
        width = columns(sys.stdout)
        how = {"verbose": args.verbose, "quiet": args.quiet}
        sys.stdout.write(text(plan, style, **how, outcome=outcome, width=width))
