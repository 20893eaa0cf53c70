"""``--plan --format html``: what changes and why, then the host before and after, side by side."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.budget.words import count
from reconciler.inspection.model import Inspection
from reconciler.model import Change, Finding, Plan
from reconciler.render import plan_words as words
from reconciler.render.html import machine, pci, sections
from reconciler.render.html.markup import Html, Node, el, join
from reconciler.render.html.page import document, section

_MARKED = "changes are outlined, and say what was before"


def page(plan: Plan, before: Inspection, after: Inspection) -> str:
    """One file with everything in it."""
    name = str(plan.host.get("hostname") or "this host")
    return document(
        f"Plan for {name}",
        sections.masthead(before, f"Plan for {name}"),
        el("p", words.closing(plan), cls="closing"),
        el(
            "main",
            _findings(plan),
            section("CPUs, memory, devices", machine.twins(before, after), note=_MARKED),
            *(_chapter(plan, title, changes) for title, changes in words.chapters(plan)),
            _waiting(plan),
            section("Virtual machines afterwards", sections.vm_table(after)),
            section("PCI tree and IOMMU groups afterwards", pci.tree(after, before)),
        ),
        el("footer", f"reconcile {before.tool_version}, from {plan.spec_path}, {plan.spec_digest}"),
    )


def _findings(plan: Plan) -> Html | None:
    if not plan.findings:
        return None
    grave, notes = words.by_weight(plan)
    folded = el("details", el("summary", count(len(notes), "note")), _list(plan, notes))
    return section("Findings", _list(plan, grave) if grave else None, folded if notes else None)


def _list(plan: Plan, findings: list[Finding]) -> Html:
    return el("ul", *(_finding(plan, f) for f in findings))


def _finding(plan: Plan, finding: Finding) -> Html:
    return el(
        "li",
        el("b", f"{words.FINDING_WORDS[finding.severity]} {finding.code}"),
        join(" ", el("code", words.labelled(plan, finding.where))),
        el("div", finding.message),
        el("div", f"→ {finding.hint}", cls="hint") if finding.hint else None,
        cls=f"finding {finding.severity.value}-finding",
    )


def _chapter(plan: Plan, title: str, changes: list[Change]) -> Html:
    rows = (_row(plan, change) for change in changes)
    heads = ("what", "before → after", "when", "because")
    return section(title, sections.table(heads, rows, cls="changes"))


def _row(plan: Plan, change: Change) -> Iterator[Node]:
    yield words.what(plan, change)
    yield join(*_difference(plan, change))
    yield words.WHEN[change.effective]
    yield words.why(plan, change) or "as each line says"


def _difference(plan: Plan, change: Change) -> Iterator[Html]:
    if change.details:
        for sign, line, why in words.details(plan, change):
            because = el("small", f"  {why}") if why else None
            yield el("code", f"{sign} {line}", because, cls="plus" if sign == "+" else "minus")
        return
    name = f"{words.field(change)}: " if words.field(change) else ""
    before, after = el("code", words.value(change.before)), el("code", words.value(change.after))
    yield el("span", name, before, " → ", after)


def _waiting(plan: Plan) -> Html | None:
    waits = words.waiting(plan)
    if not waits:
        return None
    rows = (
        (words.named(plan, p.object), el("code", words.awaited(p)), words.WAITS[p.effective])
        for p in waits
    )
    return section("Waiting", sections.table(("what", "what is to come", "waits for"), rows))
