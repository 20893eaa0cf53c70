"""How a plan is told, in whatever format: chapters, names, words for times and values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from backends.formats.cmdline import has, join, tokens
from reconciler.budget.words import count
from reconciler.model import GONE, Change, Effective, Finding, Pending, Plan, Severity
from reconciler.plan_json import summary
from reconciler.render.diff import domain_key
from reconciler.render.names import short_name
from reconciler.resources import resources

_CHAPTERS = (
    ("Boot", {"kernel-args", "bootloader", "initramfs", "file"}),
    ("Devices", {"driver", "sriov"}),
    ("CPUs", {"affinity"}),
    ("Memory", {"hugepages", "limits"}),
    ("Virtual machines", {"domain"}),
    ("The run that is undone", {"rollback"}),
)
WHEN = {
    Effective.NOW: "now",
    Effective.VM_RESTART: "at the VM's next start",
    Effective.REBOOT: "at the next boot",
}
WAITS = {
    Effective.NOW: "a confirmation of the trial",
    Effective.VM_RESTART: "a restart of the VM",
    Effective.REBOOT: "a reboot",
}
_DRIFT = "drift: recorded as done, but changed by somebody else since, or a run was killed"
FINDING_WORDS = {Severity.REFUSE: "refused", Severity.WARN: "warning", Severity.NOTE: "note"}
_OBJECTS = {"kernel-args": "kernel command line", "trial": "trial boot"}
# Fields that say no more than the object does.
_PLAIN_FIELDS = frozenset({"content", "args", "entries"})


# Files are told with what they are for; those of devices belong to the boot, with the initramfs.
_FILES = {"cpu": "CPUs", "hugepages": "Memory", "limits": "Memory", "sriov": "Devices"}


def chapters(plan: Plan) -> Iterator[tuple[str, list[Change]]]:
    """The changes as a person groups them; within a chapter in the order of doing."""
    for name in (*(chapter for chapter, _ in _CHAPTERS), "Other"):
        if found := [c for c in plan.changes if _chapter(c) == name]:
            yield name, found


def _chapter(change: Change) -> str:
    if change.kind == "file":
        table = re.split(r"\W", change.because, maxsplit=1)[0]
        if change.because == GONE:  # says no more who had made it: whose file it is does
            table = next((r.kind for r in resources() if change.object in r.own_paths), "")
        if table in _FILES:
            return _FILES[table]
    return next((name for name, kinds in _CHAPTERS if change.kind in kinds), "Other")


def by_weight(plan: Plan) -> tuple[list[Finding], list[Finding]]:
    """The findings that somebody has to look at, and the notes."""
    notes = [f for f in plan.findings if f.severity is Severity.NOTE]
    return [f for f in plan.findings if f not in notes], notes


def what(plan: Plan, change: Change) -> str:
    """The thing that changes, with its name where it is a PCI function."""
    return named(plan, change.object)


def named(plan: Plan, thing: str) -> str:
    """``0000:01:00.0  NVIDIA GA104 [GeForce RTX 3060 Ti]``, or the thing as it is."""
    name = plan.names.get(thing)
    return f"{thing}  {short_name(name)}" if name else _OBJECTS.get(thing, thing)


_PLACE = re.compile(r"\b(device|sriov|vm)\[(\d+)\]")


def labelled(plan: Plan, place: str) -> str:
    """A spec path with the name that the spec gives there: ``device[0] (gpu)``."""

    def name(found: re.Match[str]) -> str:
        tables = plan.spec_content.get(found[1]) or ()
        index = int(found[2])
        label = tables[index].get("name", "") if index < len(tables) else ""
        return f"{found[0]} ({label})" if label else found[0]

    return _PLACE.sub(name, place)


def listed(things: Iterable[str]) -> str:
    """Several things in one sentence: short names, each once."""
    return ", ".join(dict.fromkeys(_OBJECTS.get(thing, thing) for thing in things))


def field(change: Change) -> str:
    """The field, where it says something."""
    return "" if change.field in _PLAIN_FIELDS else change.field


def is_new(plan: Plan, change: Change) -> bool:
    """Whether the thing is not there yet. Of a domain only that is told which is declared."""
    if change.kind == "domain" and plan.contents.get(domain_key(change.object)) is not None:
        return False
    return change.before is None


def details(plan: Plan, change: Change) -> Iterator[tuple[str, str, str]]:
    """Sign, line, and why: empty where it is why for the whole change, short where it is below."""
    above = set(change.because.split(", "))
    for sign, line, because in change.details:
        parent = next((place for place in above if because.startswith(f"{place}.")), "")
        reason = because[len(parent) + 1 :] if parent else labelled(plan, because)
        said = (
            above == set(because.split(", ")) or line.partition(":")[0] == reason.rpartition(".")[2]
        )
        yield sign, line, "" if said else reason


def when_and_why(plan: Plan, change: Change) -> str:
    """``now, because device[0] (gpu)``; no reason where every line of the details has its own."""
    reason = why(plan, change)
    when = WHEN[change.effective]
    if reason == GONE:
        return f"{when}: it is {reason}"
    return f"{when}, because {reason}" if reason else when


def why(plan: Plan, change: Change) -> str:
    """The reason for a change; empty where it is many things and every line has its own."""
    reasons = {because for _, _, because in change.details}
    told = len(reasons) > 1 and "" not in reasons and "," in change.because
    reason = "" if told else labelled(plan, change.because)
    return "; ".join(filter(None, (reason, _DRIFT if change.drift else "")))


def waiting(plan: Plan) -> list[Pending]:
    """What waits already; what the plan itself will make wait is among its changes."""
    changing = {change.object for change in plan.changes}
    return [item for item in plan.pending if item.object not in changing]


def awaited(item: Pending) -> str:
    """What is yet to come: of a command line only the arguments that do not run."""
    configured, running = (
        text or "nothing" for text in item.said or (item.configured, item.running)
    )
    if item.object != "kernel-args":
        return f"{running} → {configured}"
    now = tokens(running)
    missing = [word for word in tokens(configured) if not has(now, word)]
    return f"not running yet: {join(missing)}" if missing else f"now: {running}"


def value(found: object) -> str:
    """A value before or after, as words."""
    if found is None or found == "":
        return "nothing"
    if isinstance(found, bool):
        return "yes" if found else "no"
    if isinstance(found, Mapping):
        return ", ".join(f"{key} {value(part)}" for key, part in found.items())
    if isinstance(found, (list, tuple)):
        return ", ".join(value(part) for part in found)
    return str(found)


def closing(plan: Plan, *, strict: bool = False, verbose: bool = False) -> str:
    """One line that sums up. With ``strict`` warnings refuse; what is listed above, as with
    ``verbose``, is only counted."""
    counts = summary(plan)
    refused = plan.refusals(strict=strict)
    if refused:
        by_option = " (--strict)" if any(f.severity is Severity.WARN for f in refused) else ""
        return f"Refused for {count(len(refused), 'reason')}{by_option}; nothing will be touched."
    same = ""
    if plan.unchanged:
        listed = "" if verbose else " (-v lists them)"
        same = f" {count(len(plan.unchanged), 'thing')} already as wanted{listed}."
    if not counts["changes"] and in_trial(plan):
        return f"No changes. {CONFIRM}{same}"
    if not counts["changes"]:
        waits = " and ".join(dict.fromkeys(WAITS[p.effective] for p in plan.pending))
        return f"No changes{f'; what is configured waits for {waits}' if waits else ''}.{same}"
    parts = [("now", "now"), ("vm_restart", "at VM start"), ("reboot", "at the next boot")]
    when = ", ".join(f"{counts[key]} {text}" for key, text in parts if counts[key])
    return f"{count(counts['changes'], 'change')}: {when}.{same}"


CONFIRM = "This is a trial boot: reconcile --confirm keeps what it tries."


def in_trial(plan: Plan) -> bool:
    """Whether the plan was made in a trial boot."""
    return any(f.code == "trial-running" for f in plan.findings)
