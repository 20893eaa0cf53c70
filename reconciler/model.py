"""What a plan is made of. Wanted and observed meet only here, in a Change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from backends.bootloader.state import BootProblem
from backends.steps import Step
from specs.record import Record, field, replace

GONE = "no longer in the spec"  # because of what a change gives back


class Effective(str, Enum):
    """When a change has its effect."""

    NOW = "now"
    VM_RESTART = "vm-restart"
    REBOOT = "reboot"


class Severity(str, Enum):
    """``refuse`` stops the whole plan; ``warn`` does so with --strict; ``note`` never does."""

    REFUSE = "refuse"
    WARN = "warn"
    NOTE = "note"


class Finding(Record):
    """A safety result, as data. ``where`` is a spec path (``device[0]``) or a host path."""

    severity: Severity
    code: str
    where: str
    message: str
    hint: str = ""

    def to_json(self) -> dict[str, str]:
        """The contract's form."""
        return {
            "severity": self.severity.value,
            "code": self.code,
            "where": self.where,
            "message": self.message,
            "hint": self.hint,
        }


def refuse(code: str, where: str, message: str, hint: str = "") -> Finding:
    """A finding that makes the plan impossible."""
    return Finding(Severity.REFUSE, code, where, message, hint)


def warn(code: str, where: str, message: str, hint: str = "") -> Finding:
    """A finding that a person should read before applying."""
    return Finding(Severity.WARN, code, where, message, hint)


def note(code: str, where: str, message: str, hint: str = "") -> Finding:
    """A finding that explains, and never stops anything."""
    return Finding(Severity.NOTE, code, where, message, hint)


def finding_of(problem: BootProblem) -> Finding:
    """What a boot loader's backend found, as a finding."""
    severity = Severity.REFUSE if problem.refuse else Severity.WARN
    return Finding(severity, problem.code, problem.where or "boot", problem.message, problem.hint)


class Claim(Record):
    """What reconcile will own once a change is done: ``section`` and ``key`` name the thing in the
    ownership record, ``value`` (JSON) says what stood there before and what was put there.

    ``value`` None gives the thing up again, once looking has shown that it is gone; with
    ``settled`` the steps themselves have proved that. A ``late`` one is recorded after looking
    again whatever its value: undoing a run gives the record back when nothing is left of it.
    """

    section: str
    key: str
    value: Any
    settled: bool = False
    late: bool = False

    @property
    def before(self) -> bool:
        """Whether it is recorded before the change is done."""
        return self.value is not None and not self.late


class Change(Record):
    """One difference between wanted and observed, and the steps that end it.

    ``requires`` names changes that must be done and verified first. Changes of one ``group`` are
    all done or all undone: a boot configuration is never left half new. ``details`` are further
    lines for people (an argument each, say), as (sign, text, because). A change without steps
    only gives up what reconcile owns and no longer finds. ``drift``: the record says that this was
    done already; somebody else has changed it since, or a run was killed before it was done.
    """

    id: str
    kind: str
    object: str
    field: str
    before: Any
    after: Any
    because: str
    steps: tuple[Step, ...]
    effective: Effective = Effective.NOW
    requires: frozenset[str] = frozenset()
    group: str = ""
    claims: tuple[Claim, ...] = ()
    details: tuple[tuple[str, str, str], ...] = ()
    drift: bool = False

    def to_json(self) -> dict[str, Any]:
        """The contract's form and our additions (``details``, ``group``, ``claims``, ``drift``)."""
        return {
            "id": self.id,
            "kind": self.kind,
            "object": self.object,
            "field": self.field,
            "before": self.before,
            "after": self.after,
            "because": self.because,
            "effective": self.effective.value,
            "requires": sorted(self.requires),
            "steps": [step.to_json() for step in self.steps],
            "group": self.group,
            "details": [{"sign": s, "text": t, "because": b} for s, t, b in self.details],
            "claims": [
                {"section": c.section, "key": c.key, "value": c.value, "settled": c.settled}
                for c in self.claims
            ],
            **({"drift": True} if self.drift else {}),
        }


def closed(changes: Iterable[Change]) -> tuple[Change, ...]:
    """The changes, in their order, each requiring only others of them: a requirement that is not
    in a plan is met already, and every id in a plan leads to a change."""
    found = tuple(changes)
    known = frozenset(change.id for change in found)
    return tuple(
        change if change.requires <= known else replace(change, requires=change.requires & known)
        for change in found
    )


class Pending(Record):
    """Configured, but not in effect before a reboot or a VM restart. ``said`` are the two in words
    for people, where they are more than the values."""

    object: str
    configured: str
    running: str
    effective: Effective
    said: tuple[str, ...] = ()

    def to_json(self) -> dict[str, str]:
        """The contract's form."""
        return {
            "object": self.object,
            "configured": self.configured,
            "running": self.running,
            "effective": self.effective.value,
        }


class Unchanged(Record):
    """Something declared that is already so, and why it needs nothing."""

    object: str
    reason: str
    because: str


class Plan(Record):
    """What apply would do, in order; equal inputs give an equal plan.

    ``observed`` is the state that it was computed from: saved with a plan, so that a stale one can
    say what has changed since.
    ``names`` (of PCI functions) and ``contents`` (of the files and definitions that steps write,
    as they are now) are for people to read: they are no part of a saved plan.
    """

    host: dict[str, Any]
    spec_path: str
    spec_digest: str
    state_digest: str
    changes: tuple[Change, ...] = ()
    pending: tuple[Pending, ...] = ()
    findings: tuple[Finding, ...] = ()
    unchanged: tuple[Unchanged, ...] = ()
    spec_content: dict[str, Any] = field(default_factory=dict)
    documents: dict[str, str] = field(default_factory=dict)
    base_dir: str = "/"
    observed: Any = None
    names: Mapping[str, str] = field(default_factory=dict)
    contents: Mapping[str, bytes | None] = field(default_factory=dict)

    def refusals(self, *, strict: bool) -> tuple[Finding, ...]:
        """The findings that forbid applying this plan."""
        stops = {Severity.REFUSE, Severity.WARN} if strict else {Severity.REFUSE}
        return tuple(f for f in self.findings if f.severity in stops)
