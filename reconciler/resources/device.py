"""``[[device]]``: functions for VMs, bound to their driver now and at every boot."""

from __future__ import annotations

from collections.abc import Iterator

from backends.pci import PciFunction
from reconciler.model import Change, Claim, Effective, Finding, Pending, Unchanged
from reconciler.passthrough import persist, safety
from reconciler.passthrough.bind import bind_steps, release_steps
from reconciler.passthrough.persist import SECTION
from reconciler.passthrough.select import Selection, select_all
from reconciler.resources.base import Context, Result, Wishes
from reconciler.resources.files import change_id
from specs.values import PciAddress


class Devices:
    """Selection, safety, persistent and live binding."""

    kind = "driver"
    order = 30
    own_paths = (persist.MODPROBE, persist.RULES)

    def wishes(self, ctx: Context) -> Wishes:
        """What makes functions come up on vfio-pci; nothing while any device is unsafe."""
        selections, _ = select_all(ctx.spec.device, ctx.state.pci)
        return persist.wishes(
            [s for s in selections if s.spec.bind == "boot"],
            ctx.state.pci,
            ctx.owned.section(SECTION),
            builtin=ctx.state.vfio_builtin,
            header=ctx.header,
        )

    def plan(self, ctx: Context, wishes: Wishes) -> Result:
        """Findings for every device, then a change for each function on the wrong driver."""
        selections, missing = select_all(ctx.spec.device, ctx.state.pci)
        findings = [*missing, *_findings(ctx, selections)]
        changes, pending, same = [], [], []
        for selection in selections:
            for function in selection.all if selection.spec.bind == "boot" else ():
                outcome = _bind(ctx, selection, function)
                if isinstance(outcome, Change):
                    changes.append(outcome)
                elif isinstance(outcome, Pending):
                    pending.append(outcome)
                else:
                    same.append(outcome)
        changes += _releases(ctx, selections)
        return Result(tuple(changes), tuple(findings), tuple(pending), tuple(same))


RESOURCE = Devices()


def _findings(ctx: Context, selections: tuple[Selection, ...]) -> Iterator[Finding]:
    state = ctx.state
    given = safety.given_away(selections)
    if ctx.spec.device:
        yield from safety.iommu_findings(state.iommu, state.pci, "device[0]")
        yield from safety.unresolved_findings(state.needs, "device[0]")
    for selection in selections:
        yield from safety.accepted_findings(selection, state.pci)
        yield from safety.group_findings(selection, given, state.iommu, state.pci)
        yield from safety.use_findings(selection, state.needs)


def _bind(
    ctx: Context, selection: Selection, function: PciFunction
) -> Change | Pending | Unchanged:
    address, driver = str(function.address), selection.spec.driver
    if function.driver == driver:
        return Unchanged(address, f"is bound to {driver}", selection.where)
    if not ctx.state.iommu.active or ctx.state.needs.of(function.address):
        return Pending(address, driver, function.driver or "no driver", Effective.REBOOT)
    return Change(
        id=f"driver:{address}",
        kind="driver",
        object=address,
        field="driver",
        before=function.driver,
        after=driver,
        because=selection.where,
        steps=bind_steps(function, driver, ctx.state.pci_drivers),
        requires=frozenset({change_id(p) for p in RESOURCE.own_paths}),
        claims=(persist.claim(function, ctx.owned.section(SECTION)),),
    )


def _releases(ctx: Context, selections: tuple[Selection, ...]) -> Iterator[Change]:
    """Functions that reconcile had bound and that the spec no longer names."""
    wanted = {str(f.address) for s in selections if s.spec.bind == "boot" for f in s.all}
    for address, record in ctx.owned.section(SECTION).items():
        if address not in wanted:
            yield _release(ctx, address, record["driver"])


def _release(ctx: Context, address: str, driver: str | None) -> Change:
    function = ctx.state.pci.get(PciAddress.parse(address))
    steps = release_steps(function, driver) if function is not None else ()
    return Change(
        id=f"driver:{address}",
        kind="driver",
        object=address,
        field="driver",
        before=function.driver if function else None,
        after=driver,
        because="no longer in the spec",
        steps=steps,
        requires=frozenset({change_id(p) for p in RESOURCE.own_paths}),
        claims=(Claim(SECTION, address, None),),
    )
