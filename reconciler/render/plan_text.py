"""A plan for people: what, from what to what, why, and when it takes effect."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.apply import Outcome
from reconciler.model import Change, Effective, Finding, Plan, Severity
from reconciler.render.plan_json import summary
from reconciler.render.style import Style, clean

_CHAPTERS = (
    ("Boot", {"kernel-args", "bootloader", "initramfs", "file"}),
    ("Devices", {"driver", "sriov"}),
    ("CPU and memory", {"affinity", "hugepages", "limits"}),
    ("Virtual machines", {"domain"}),
)
WHEN = {
    Effective.NOW: "now",
    Effective.VM_RESTART: "at the VM's next start",
    Effective.REBOOT: "at the next boot",
}
_SIGNS = {
    Severity.REFUSE: ("✗", "red"),
    Severity.WARN: ("!", "yellow"),
    Severity.NOTE: ("·", "dim"),
}
_RESULTS = {"done": ("✓", "green"), "failed": ("✗", "red"), "skipped": ("-", "yellow")}


def text(plan: Plan, style: Style, *, verbose: bool = False, outcome: Outcome | None = None) -> str:
    """The whole page; ends with a newline."""
    lines = [_title(plan, style), *_findings(plan, style, verbose)]
    for name, changes in chapters(plan):
        lines += ["", style.paint(name, "bold")]
        for change in changes:
            lines += _change(change, style, verbose, outcome)
    lines += _pending(plan, style)
    if verbose:
        lines += _unchanged(plan, style)
    return "\n".join([*lines, "", closing(plan)]) + "\n"


def chapters(plan: Plan) -> Iterator[tuple[str, list[Change]]]:
    """The changes as a person groups them; within a chapter in the order of doing."""
    known = {kind for _, kinds in _CHAPTERS for kind in kinds}
    for name, kinds in _CHAPTERS:
        if found := [c for c in plan.changes if c.kind in kinds]:
            yield name, found
    if rest := [c for c in plan.changes if c.kind not in known]:
        yield "Other", rest


def _title(plan: Plan, style: Style) -> str:
    host = plan.host
    name = host.get("hostname") or "this host"
    facts = f"{host.get('bootloader')}, IOMMU {host.get('iommu')}"
    return (
        f"{style.paint(f'Plan for {clean(name)}', 'bold')} ({facts}) from {clean(plan.spec_path)}"
    )


def _findings(plan: Plan, style: Style, verbose: bool) -> list[str]:
    shown = [f for f in plan.findings if verbose or f.severity is not Severity.NOTE]
    lines = [""] if shown else []
    for finding in shown:
        lines += finding_lines(finding, style)
    return lines


def finding_lines(finding: Finding, style: Style) -> list[str]:
    """A finding: sign, code and place; the message; the hint."""
    sign, colour = _SIGNS[finding.severity]
    word = {"refuse": "refused", "warn": "warning", "note": "note"}[finding.severity.value]
    head = f"{style.paint(f'{sign} {word} {finding.code}', colour)} {clean(finding.where)}"
    lines = [head, f"    {clean(finding.message)}"]
    if finding.hint:
        lines.append(style.paint(f"    → {clean(finding.hint)}", "cyan"))
    return lines


def _change(change: Change, style: Style, verbose: bool, outcome: Outcome | None) -> list[str]:
    sign, colour = _sign(change, outcome)
    when = style.paint(f"[{WHEN[change.effective]}]", "dim")
    head = f"  {style.paint(sign, colour)} {clean(change.object)}"
    lines = [f"{head}  {clean(change.field)}  {when}"]
    lines += [_difference(change, style)] if not change.details else []
    for mark, line, because in change.details:
        colour = "green" if mark == "+" else "red"
        why = style.paint(f"   # {clean(because)}", "dim") if because else ""
        lines.append(f"      {style.paint(f'{mark} {clean(line)}', colour)}{why}")
    lines.append(style.paint(f"      because {clean(change.because)}", "dim"))
    if outcome and change.id in outcome.errors:
        lines.append(style.paint(f"      {clean(outcome.errors[change.id])}", "red"))
    if verbose:
        lines += [style.paint(f"      $ {clean(s.preview())}", "dim") for s in change.steps]
    return lines


def _sign(change: Change, outcome: Outcome | None) -> tuple[str, str]:
    if outcome:
        return _RESULTS[outcome.results[change.id]]
    if change.before is None:
        return "+", "green"
    return ("-", "red") if change.after is None else ("~", "yellow")


def _difference(change: Change, style: Style) -> str:
    before = style.paint(clean(_value(change.before)), "red")
    return f"      {before} → {style.paint(clean(_value(change.after)), 'green')}"


def _value(value: object) -> str:
    return "nothing" if value is None or value == "" else str(value)


def _pending(plan: Plan, style: Style) -> list[str]:
    if not plan.pending:
        return []
    lines = ["", style.paint("Waiting", "bold")]
    for item in plan.pending:
        when = {"reboot": "a reboot", "vm-restart": "a VM restart", "now": "nothing"}
        lines.append(f"  … {clean(item.object)}  waits for {when[item.effective.value]}")
        lines.append(f"      configured: {clean(item.configured) or 'nothing'}")
        lines.append(f"      running:    {clean(item.running) or 'nothing'}")
    return lines


def _unchanged(plan: Plan, style: Style) -> list[str]:
    if not plan.unchanged:
        return []
    lines = ["", style.paint("Already so", "bold")]
    for item in plan.unchanged:
        why = style.paint(f"  # {clean(item.because)}", "dim")
        lines.append(f"  = {clean(item.object)}: {clean(item.reason)}{why}")
    return lines


def closing(plan: Plan) -> str:
    """One line that sums up."""
    counts = summary(plan)
    refused = len(plan.refusals(strict=False))
    if refused:
        return f"Refused for {_count(refused, 'reason')}; nothing will be touched."
    same = f" {_count(len(plan.unchanged), 'thing')} already as wanted." if plan.unchanged else ""
    if not counts["changes"]:
        waits = " It waits for the next boot or VM start." if plan.pending else ""
        return f"No changes.{waits}{same}"
    parts = [("now", "now"), ("vm_restart", "at VM start"), ("reboot", "at the next boot")]
    when = ", ".join(f"{counts[key]} {text}" for key, text in parts if counts[key])
    return f"{_count(counts['changes'], 'change')}: {when}.{same}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
