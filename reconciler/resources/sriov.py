"""``[[sriov]]``: virtual functions, made now and at every boot (docs/decisions on persistence)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from backends.pci import PciFunction
from backends.steps import Run
from reconciler.context import Context, FileWish, Result, Wishes, change_id
from reconciler.model import GONE, Change, Claim, Effective, Finding, Pending, Unchanged, note
from reconciler.passthrough import live, record, safety, vf_steps, vfs
from reconciler.passthrough.need import needing
from reconciler.passthrough.vfs import Fabric
from reconciler.resources.device import selected
from specs.record import replace
from specs.values import PciAddress

if TYPE_CHECKING:
    from specs.sriov import VirtualFunction

RULES = "/etc/udev/rules.d/90-reconcile-sriov.rules"
SECTION = "sriov"
VF_DRIVERS = "vf-drivers"
VF_SETTINGS = "vf-settings"


class SriovResource:
    """Counts, drivers and attributes of VFs."""

    kind = "sriov"
    order = 35
    own_paths = (RULES,)

    def wishes(self, ctx: Context) -> Wishes:
        """The udev rules for every boot."""
        found, _ = vfs.fabrics(ctx)
        text = "".join(vf_steps.rules(fabric, ctx.state.ip_program) for fabric in found)
        if not text:
            return Wishes()
        because = ", ".join(f.where for f in found if f.spec.vfs)
        content = (ctx.header + text).encode()
        return Wishes(files=(FileWish(RULES, content, because, effective=Effective.NOW),))

    def plan(self, ctx: Context, wishes: Wishes) -> Result:
        """Findings, then changes of counts, drivers and attributes."""
        found, missing = vfs.fabrics(ctx)
        findings = [*missing, *_findings(ctx, found)]
        results = [_fabric(ctx, fabric) for fabric in found]
        results.append(_releases(ctx, found, _remade(results)))
        return Result(
            changes=tuple(c for r in results for c in r.changes),
            findings=(*findings, *(f for r in results for f in r.findings)),
            pending=tuple(p for r in results for p in r.pending),
            unchanged=tuple(u for r in results for u in r.unchanged),
        )


RESOURCE = SriovResource()


def _findings(ctx: Context, found: tuple[Fabric, ...]) -> Iterator[Finding]:
    needy = needing(ctx.spec)
    guests = [f.where for f in found if f.where in needy]
    if guests:
        yield from safety.iommu_findings(ctx, guests[0])
    given = safety.given_away(selected(ctx))
    for fabric in found:
        yield from vfs.findings(ctx, fabric, given)


def _fabric(ctx: Context, fabric: Fabric) -> Result:
    physical, wanted = fabric.physical, fabric.spec.vfs
    autoprobe = None if not wanted else not fabric.for_guests
    steps = vf_steps.count_steps(physical, wanted, autoprobe=autoprobe)
    if fabric.for_guests and wanted and not ctx.state.iommu.active:
        text = f"{wanted} VFs"
        pending = Pending(str(physical.address), text, f"{fabric.num} VFs", Effective.REBOOT)
        return Result(pending=(pending,) if steps else ())
    fresh = fabric.num != wanted
    count = (_count(ctx, fabric, steps),) if steps else ()
    taken = Result() if fresh else _drivers(ctx, fabric)
    same = Unchanged(str(physical.address), f"has {wanted} VFs", fabric.where)
    changes = (*count, *taken.changes, *_settings(ctx, fabric, fresh=fresh))
    return replace(taken, changes=changes, unchanged=() if count else (same,))


def _count(ctx: Context, fabric: Fabric, steps: tuple[Any, ...]) -> Change:
    physical, wanted = fabric.physical, fabric.spec.vfs
    if fabric.for_guests and fabric.num != wanted:
        driver, loaded = fabric.spec.vf_driver, ctx.state.pci_drivers
        steps += vf_steps.take_steps(vfs.addresses(fabric), driver, loaded)
    autoprobe = physical.sriov.autoprobe if physical.sriov else None
    known = ctx.owned.get(SECTION, str(physical.address)) or {
        "id": physical.id,
        "vfs": fabric.num,
        "autoprobe": autoprobe,
    }
    counted = fabric.num != wanted
    return Change(
        id=f"sriov:{physical.address}",
        kind="sriov",
        object=str(physical.address),
        field="vfs" if counted else "drivers_autoprobe",
        before=fabric.num if counted else autoprobe,
        after=wanted if counted else not fabric.for_guests,
        because=fabric.where,
        steps=steps,
        requires=frozenset({change_id(RULES)}),
        claims=(Claim(SECTION, str(physical.address), known),),
    )


def _drivers(ctx: Context, fabric: Fabric) -> Result:
    """VFs that are there already, on another driver."""
    driver, changes, pending, findings = fabric.spec.vf_driver, [], [], []
    owned = ctx.owned.section(VF_DRIVERS)
    for vf in vfs.present(ctx, fabric.physical):
        if vf.driver == driver or not (fabric.for_guests or _misplaced(ctx, fabric, vf)):
            continue
        claim = record.claim(vf, ctx.state.pci, owned, driver)
        claim = Claim(VF_DRIVERS, claim.key, claim.value)
        requires = frozenset({change_id(RULES)})
        change, later, finding = live.bind(ctx, vf, driver, fabric.where, claim, requires)
        changes += [change] if change else []
        pending += [later] if later else []
        findings += [finding] if finding else []
    return Result(tuple(changes), tuple(findings), tuple(pending))


def _misplaced(ctx: Context, fabric: Fabric, vf: PciFunction) -> bool:
    """Whether a VF for the host has to be moved to its driver. One without a driver waits for the
    module, one of a running VM comes back by itself, and one that was taken from that driver is
    given back."""
    given_back = _comes_back(fabric, ctx.owned.get(VF_DRIVERS, str(vf.address)))
    return vf.driver is not None and not given_back and not live.obstacle(ctx, vf)


def _comes_back(fabric: Fabric, kept: dict[str, Any] | None) -> bool:
    """Whether giving a VF back brings it to the driver that is wanted."""
    return not fabric.for_guests and kept is not None and kept["driver"] == fabric.spec.vf_driver


def _settings(ctx: Context, fabric: Fabric, *, fresh: bool) -> Iterator[Change]:
    """Attributes that a network card keeps for its VFs."""
    declared = [vf for vf in fabric.spec.vf if vf_steps.vf_declares(vf)]
    for interface in fabric.physical.interfaces[:1]:
        seen = {} if fresh else ctx.state.vf_settings.get(interface, {})
        for vf in declared:
            if vf_steps.differs(vf, seen.get(vf.index)):
                yield _setting(ctx, fabric, interface, vf, seen.get(vf.index))


def _as_before(
    interface: str, vf: VirtualFunction, before: dict[str, Any] | None
) -> tuple[str, ...]:
    """Nothing where the VF is made anew: it goes with the others."""
    known = {name: value for name, value in (before or {}).items() if value is not None}
    # Unchecked: a MAC address of zeros is what a VF has that was given none.
    old = vf.model_construct(index=vf.index, **known)
    return vf_steps.settings_argv(interface, old) if known else ()


def _setting(
    ctx: Context, fabric: Fabric, interface: str, vf: VirtualFunction, seen: Any
) -> Change:
    names = ("mac", "vlan", "trust", "spoofchk")
    wanted = {n: getattr(vf, n) for n in names if getattr(vf, n) is not None}
    key = f"{fabric.physical.address}/{vf.index}"
    before = None if seen is None else {n: getattr(seen, n) for n in wanted}
    kept = ctx.owned.get(VF_SETTINGS, key) or {"interface": interface, "before": before}
    return Change(
        id=f"vf:{key}",
        kind="sriov",
        object=f"{fabric.physical.address} VF {vf.index}",
        field=", ".join(wanted),
        before=before,
        after=wanted,
        because=f"{fabric.where}.vf",
        steps=(
            Run(vf_steps.settings_argv(interface, vf), 60, undo=_as_before(interface, vf, before)),
        ),
        requires=frozenset({f"sriov:{fabric.physical.address}"}),
        claims=(Claim(VF_SETTINGS, key, kept),),
    )


# --- no longer in the spec ---------------------------------------------------------------------


def _remade(results: Iterable[Result]) -> frozenset[str]:
    """The physical functions whose number of VFs changes. It does so through 0: the VFs that are
    there go, whatever driver and settings they have."""
    changes = [c for r in results for c in r.changes]
    return frozenset(c.object for c in changes if c.field == "vfs" and c.steps)


def _releases(ctx: Context, found: tuple[Fabric, ...], remade: frozenset[str]) -> Result:
    """Counts go back to what they were before reconcile changed them."""
    wanted = {str(f.physical.address) for f in found}
    results = [
        _release(ctx, address, kept)
        for address, kept in ctx.owned.section(SECTION).items()
        if address not in wanted
    ]
    remade |= _remade(results)
    owned = ctx.owned.section(VF_DRIVERS)
    there = {str(vf.address): f for f in found for vf in vfs.present(ctx, f.physical)}
    moves = [
        _driver_back(ctx, vf, kept, remade)
        for vf, kept in owned.items()
        if vf not in there or _comes_back(there[vf], kept)
    ]
    return Result(
        changes=(
            *(c for r in results for c in r.changes),
            *(change for change, _, _ in moves if change),
            *_settings_back(ctx, found, remade),
        ),
        findings=(*(f for r in results for f in r.findings), *(f for _, _, f in moves if f)),
        pending=(*(p for r in results for p in r.pending), *(p for _, p, _ in moves if p)),
    )


def _release(ctx: Context, address: str, kept: dict[str, Any]) -> Result:
    physical = ctx.state.pci.get(PciAddress.parse(address))
    if physical is None or physical.id != kept["id"] or physical.sriov is None:
        return Result(changes=(_back(address, "hardware that is gone", 0, ()),))
    before, now = int(kept["vfs"]), physical.sriov.num
    in_use = vfs.users(ctx, vfs.present(ctx, physical)) if now != before else []
    if in_use:
        pending = Pending(address, f"{before} VFs", f"{now} VFs", Effective.REBOOT)
        text = f"{address} keeps its {now} VFs until the next boot: {'; '.join(in_use)}"
        return Result(findings=(note("vfs-kept", address, text),), pending=(pending,))
    steps = vf_steps.count_steps(physical, before, autoprobe=kept["autoprobe"])
    back = _back(address, now, before, steps)
    if now == before:
        values = {"before": physical.sriov.autoprobe, "after": kept["autoprobe"]}
        back = replace(back, field="drivers_autoprobe", **values)
    return Result(changes=(back,))


def _driver_back(
    ctx: Context, address: str, kept: dict[str, Any], remade: frozenset[str]
) -> live.Move:
    """The VF's driver is as before; or the VF goes, and what is known of it is forgotten."""
    vf = ctx.state.pci.get(PciAddress.parse(address))
    physical = str(vf.physfn) if vf else ""
    if physical in remade:
        after = frozenset({f"sriov:{physical}"})
        return live.give_up(address, "a VF that goes", VF_DRIVERS, after), None, None
    return live.release(ctx, address, kept, frozenset({change_id(RULES)}), VF_DRIVERS)


def _settings_back(
    ctx: Context, found: tuple[Fabric, ...], remade: frozenset[str]
) -> Iterator[Change]:
    """Settings that the spec no longer declares, where what stood there before is known and the
    VF still exists: VFs that are made anew have none of them anyway."""
    declared = {
        f"{f.physical.address}/{vf.index}"
        for f in found
        for vf in f.spec.vf
        if vf_steps.vf_declares(vf)
    }
    for key, kept in ctx.owned.section(VF_SETTINGS).items():
        if key in declared:
            continue
        interface, index = str(kept["interface"]), int(key.rsplit("/", 1)[1])
        there = index in ctx.state.vf_settings.get(interface, {})
        there = there and key.rsplit("/", 1)[0] not in remade
        before = {k: v for k, v in (kept["before"] or {}).items() if v is not None}
        steps: tuple[Any, ...] = ()
        if there and before:
            # Unchecked: a MAC address of zeros is what a VF has that was given none.
            from specs.sriov import VirtualFunction as Settings

            old = Settings.model_construct(index=index, **before)
            seen = ctx.state.vf_settings[interface][index]
            if vf_steps.differs(old, seen):
                steps = (Run(vf_steps.settings_argv(interface, old), timeout=60),)
        yield Change(
            id=f"vf:{key}",
            kind="sriov",
            object=f"{key.rsplit('/', 1)[0]} VF {index}",
            field="settings",
            before=None,
            after=before or None,
            because=GONE,
            steps=steps,
            claims=(Claim(VF_SETTINGS, key, None),),
        )


def _back(address: str, before: Any, after: Any, steps: tuple[Any, ...]) -> Change:
    return Change(
        id=f"sriov:{address}",
        kind="sriov",
        object=address,
        field="vfs",
        before=before,
        after=after,
        because=GONE,
        steps=steps,
        requires=frozenset({change_id(RULES)}),
        claims=(Claim(SECTION, address, None),),
    )


def vf_function(ctx: Context, fabric: Fabric, number: int) -> PciFunction | None:
    """The VF behind NAME.N, if it exists."""
    known = fabric.addresses
    return ctx.state.pci.get(known[number]) if number < len(known) else None
