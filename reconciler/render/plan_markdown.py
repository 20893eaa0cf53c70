"""A plan as markdown, for a pull request."""

from __future__ import annotations

from reconciler.apply import Outcome
from reconciler.model import Change, Plan
from reconciler.render.markdown import cell, code
from reconciler.render.plan_words import WHEN, chapters, closing, field, labelled, value, what


def markdown(plan: Plan, outcome: Outcome | None = None) -> str:
    """Headline, findings, a table of changes a chapter, what waits; nothing in it is active."""
    lines = [f"### Plan for {cell(plan.host.get('hostname') or 'this host')}", "", closing(plan)]
    if plan.findings:
        lines += ["", "| | code | where | message |", "|---|---|---|---|"]
        lines += [
            f"| {f.severity.value} | `{f.code}` | {cell(labelled(plan, f.where))} "
            f"| {cell(f.message)}{' → ' + cell(f.hint) if f.hint else ''} |"
            for f in plan.findings
        ]
    for name, changes in chapters(plan):
        lines += ["", f"#### {name}", "", "| what | before | after | when | because |"]
        lines += ["|---|---|---|---|---|"]
        lines += [_row(plan, change, outcome) for change in changes]
    if plan.pending:
        lines += [
            "",
            "#### Waiting",
            "",
            "| what | configured | running | for |",
            "|---|---|---|---|",
        ]
        lines += [
            f"| {cell(p.object)} | {code(p.configured)} | {code(p.running)} | {p.effective.value} |"
            for p in plan.pending
        ]
    return "\n".join(lines) + "\n"


def _row(plan: Plan, change: Change, outcome: Outcome | None) -> str:
    result = f" ({outcome.results[change.id]})" if outcome else ""
    name = f"{what(plan, change)} {field(change)}".strip()
    cells = (_code(change.before), _code(change.after), WHEN[change.effective])
    return (
        f"| {cell(name)}{result} | {' | '.join(cells)} | {cell(labelled(plan, change.because))} |"
    )


def _code(found: object) -> str:
    return code(found if found is None else value(found))
