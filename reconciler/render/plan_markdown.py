"""A plan as markdown, for a pull request."""

from __future__ import annotations

from reconciler.apply import Outcome
from reconciler.model import Change, Plan
from reconciler.render.plan_text import WHEN, chapters, closing
from reconciler.render.style import clean


def markdown(plan: Plan, outcome: Outcome | None = None) -> str:
    """Headline, findings, a table of changes a chapter, what waits; nothing in it is active."""
    lines = [f"### Plan for {_cell(plan.host.get('hostname') or 'this host')}", "", closing(plan)]
    if plan.findings:
        lines += ["", "| | code | where | message |", "|---|---|---|---|"]
        lines += [
            f"| {f.severity.value} | `{f.code}` | {_code(f.where)} | {_cell(f.message)}"
            f"{' → ' + _cell(f.hint) if f.hint else ''} |"
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
            f"| {_cell(p.object)} | {_code(p.configured)} | {_code(p.running)} "
            f"| {p.effective.value} |"
            for p in plan.pending
        ]
    return "\n".join(lines) + "\n"


def _row(change: Change, outcome: Outcome | None) -> str:
    result = f" ({outcome.results[change.id]})" if outcome else ""
    what = f"{_cell(change.object)} {_cell(change.field)}{result}"
    cells = (_code(change.before), _code(change.after), WHEN[change.effective])
    return f"| {what} | {' | '.join(cells)} | {_cell(change.because)} |"


def _cell(value: object) -> str:
    """Text that cannot end its table cell, or become markup."""
    shown = clean(str(value)).replace("\n", " ")
    return "".join(f"\\{c}" if c in "\\|`*_<>[]#" else c for c in shown)


def _code(value: object) -> str:
    """A code span; backticks and bars are replaced: a table has no way to quote them."""
    if value is None or value == "":
        return "–"
    shown = clean(str(value)).replace("\n", " ").replace("`", "'").replace("|", "¦")
    return f"`{shown}`"
