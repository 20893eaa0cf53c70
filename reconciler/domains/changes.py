"""The one change that makes a domain what the spec says, or what it was."""

from __future__ import annotations

import uuid as uuids
from collections.abc import Iterable, Mapping

from backends.formats import domain_xml
from backends.libvirt import DomainState
from backends.steps import DefineDomain
from reconciler.domains.record import AUTOSTART, Managed
from reconciler.domains.wanted import spec_path
from reconciler.domains.words import told
from reconciler.model import GONE, Change, Effective
from specs.record import Record


class Side(Record):
    """One property as it was (``-``) or will be (``+``), and why it is no longer so, or will be."""

    sign: str
    key: str
    value: str
    because: str


class Target(Record):
    """A ``[[vm]]`` as far as its domain is concerned. ``withheld`` are properties that are
    declared, but not to be set yet; ``where`` is "" for a domain that the spec does not name."""

    where: str
    name: str
    properties: Mapping[str, str]
    withheld: frozenset[str] = frozenset()
    autostart: bool | None = None
    requires: frozenset[str] = frozenset()


def existing(domain: DomainState, target: Target, record: Managed | None) -> Change | None:
    """What ends the differences of a domain that is there; None when there are none.

    ``domain`` must have a persistent definition.
    """
    present = domain.inactive or ""
    record = record or Managed(domain.uuid, domain.name, present, domain.autostart)
    kept, ours = _split(present, target, record)
    base = domain_xml.restore(present, record.before, ours) if ours else present
    edited = domain_xml.edit(base, target.properties)
    set_now = {d.key: d.after for d in edited.differences}
    mark = _autostart(domain, target, record)
    if mark is not None and target.autostart is not None:
        set_now[AUTOSTART] = _yes(mark)
    values = {**kept, **set_now}
    sides = _sides(present, edited.xml, (*ours, *set_now), target.where)
    sides += _autostart_sides(domain, mark, target)
    if not sides:
        return None if values or target.where or record.defined else forgotten(record)
    later = domain.active and any(side.key != AUTOSTART for side in sides)
    return Change(
        id=f"domain:{domain.name}",
        kind="domain",
        object=domain.name,
        field=_field(sides),
        before=_values(sides, "-"),
        after=_values(sides, "+"),
        because=target.where or GONE,
        steps=(DefineDomain(domain.name, edited.xml, mark, domain.uuid),),
        effective=Effective.VM_RESTART if later else Effective.NOW,
        requires=target.requires,
        claims=record.claims(values),
        details=tuple((s.sign, told(s.key, s.value), s.because) for s in sides),
    )


def undone(domain: DomainState, record: Managed) -> Change | None:
    """What gives back a domain that the spec no longer names."""
    return existing(domain, Target("", domain.name, {}), record)


def _split(present: str, target: Target, record: Managed) -> tuple[dict[str, str], list[str]]:
    """What stays owned, and the properties to give back: those that reconcile has set, nobody
    declares any more, and nobody has changed since."""
    declared = {*target.properties, *target.withheld}
    if target.autostart is not None:
        declared.add(AUTOSTART)
    kept = {k: v for k, v in record.values.items() if domain_xml.declares(declared, k)}
    root = domain_xml.parse(present)
    left = {k: v for k, v in record.values.items() if k not in kept and k != AUTOSTART}
    return kept, [key for key, value in left.items() if domain_xml.has(root, key, value)]


def _autostart(domain: DomainState, target: Target, record: Managed) -> bool | None:
    """The mark to set; None leaves it."""
    wanted = target.autostart
    if wanted is None and record.values.get(AUTOSTART) == _yes(domain.autostart):
        wanted = record.autostart
    return None if wanted == domain.autostart else wanted


def _autostart_sides(domain: DomainState, mark: bool | None, target: Target) -> tuple[Side, ...]:
    if mark is None:
        return ()
    because = f"{target.where}.autostart" if target.where else GONE
    return (
        Side("-", AUTOSTART, _yes(domain.autostart), ""),
        Side("+", AUTOSTART, _yes(mark), because),
    )


def forgotten(record: Managed) -> Change:
    """Nothing of ours is left there, so there is nothing to own."""
    return Change(
        id=f"record:{record.uuid}",
        kind="domain",
        object=record.name,
        field="record",
        before="owned",
        after=None,
        because=GONE,
        steps=(),
        claims=record.forget(),
    )


def removed(domain: DomainState, record: Managed) -> Change:
    """A domain that reconcile defined: the definition goes, a running VM goes on."""
    return Change(
        id=f"domain:{domain.name}",
        kind="domain",
        object=domain.name,
        field="definition",
        before=domain.uuid,
        after=None,
        because=GONE,
        steps=(DefineDomain(domain.name, None, None, domain.uuid),),
        effective=Effective.VM_RESTART if domain.active else Effective.NOW,
        claims=record.forget(),
    )


def new(target: Target, definition: str, machine_id: str, path: str) -> Change:
    """A domain from its definition, with everything that the spec says."""
    xml, uuid = identified(definition, f"{machine_id}/{target.name}")
    edited = domain_xml.edit(xml, target.properties)
    values = {d.key: d.after for d in edited.differences}
    record = Managed(uuid, target.name, xml, defined=True)
    return Change(
        id=f"domain:{target.name}",
        kind="domain",
        object=target.name,
        field="definition",
        before=None,
        after=uuid,
        because=f"{target.where}.definition",
        steps=(DefineDomain(target.name, edited.xml, target.autostart, uuid, path),),
        requires=target.requires,
        claims=record.claims(values),
        details=tuple(("+", told(k, v), spec_path(target.where, k)) for k, v in values.items()),
    )


def identified(definition: str, seed: str) -> tuple[str, str]:
    """The definition with a UUID, always the same one for a VM of a host, and that UUID."""
    found = domain_xml.uuid(definition)
    if found:
        return definition, str(uuids.UUID(found))
    uuid = str(uuids.uuid5(uuids.NAMESPACE_URL, f"reconcile:{seed}"))
    return domain_xml.with_uuid(definition, uuid), uuid


def _sides(before: str, after: str, keys: Iterable[str], where: str) -> tuple[Side, ...]:
    names = [key for key in dict.fromkeys(keys) if key != AUTOSTART]
    old, new = domain_xml.read(before, names), domain_xml.read(after, names)
    sides: list[Side] = []
    for key in names:
        was, becomes = old[key], new[key]
        if was == becomes:
            continue
        because = spec_path(where, key) if where else GONE
        if was is not None:
            sides.append(Side("-", key, was, "" if becomes is not None else because))
        if becomes is not None:
            sides.append(Side("+", key, becomes, because))
    return tuple(sides)


def _field(sides: Iterable[Side]) -> str:
    keys = dict.fromkeys(side.key for side in sides)
    return next(iter(keys)) if len(keys) == 1 else "definition"


def _values(sides: Iterable[Side], sign: str) -> dict[str, str] | None:
    return {side.key: side.value for side in sides if side.sign == sign} or None


def _yes(flag: bool) -> str:
    return "yes" if flag else "no"
