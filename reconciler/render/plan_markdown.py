"""A plan as markdown, for a pull request."""

from __future__ import annotations

from reconciler.apply import Outcome
from reconciler.model import Change, Plan
from reconciler.render.markdown import cell, code
from reconciler.render.plan_text import WHEN, chapters, closing


def markdown(plan: Plan, outcome: Outcome | None = None) -> str:
    """Headline, findings, a table of changes a chapter, what waits; nothing in it is active."""
    lines = [f"### Plan for {cell(plan.host.get('hostname') or 'this host')}", "", closing(plan)]
    if plan.findings:
        lines += ["", "| | code | where | message |", "|---|---|---|---|"]
        lines += [
            f"| {f.severity.value} | `{f.code}` | {code(f.where)} | {cell(f.message)}"
            f"{' → ' + cell(f.hint) if f.hint else ''} |"
            for f in plan.findings
        ]
    for name, changes in chapters(plan):
        lines += ["", f"#### {name}", "", "| what | before | after | when | because |"]
        lines += ["|---|---|---|---|---|"]
        lines += [_row(change, outcome) for change in changes]
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


def _row(change: Change, outcome: Outcome | None) -> str:
    result = f" ({outcome.results[change.id]})" if outcome else ""
    what = f"{cell(change.object)} {cell(change.field)}{result}"
    cells = (code(change.before), code(change.after), WHEN[change.effective])
    return f"| {what} | {' | '.join(cells)} | {cell(change.because)} |"
