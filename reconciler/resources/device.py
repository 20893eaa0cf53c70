"""``[[device]]``: functions for VMs, bound to their driver now and at every boot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct, field

from backends.pci import PciFunction
from reconciler.context import Context, Result, Wishes, change_id
from reconciler.model import Change, Finding, Pending, Unchanged
from reconciler.passthrough import foreign_ids, framebuffer, live, persist, record, safety
from reconciler.passthrough.need import needing
from reconciler.passthrough.persist import SECTION
from reconciler.passthrough.select import Selection, select_all


class Devices:
    """Selection, safety, persistent and live binding."""

    kind = "driver"
    order = 30
    own_paths = (persist.MODPROBE, persist.RULES)

    def wishes(self, ctx: Context) -> Wishes:
        """What makes functions come up on vfio-pci; nothing while any device is unsafe."""
        return persist.wishes(
            [s for s in selected(ctx) if s.spec.bind == "boot"],
            ctx.state.pci,
            ctx.owned.section(SECTION),
            builtin=ctx.state.vfio_builtin,
            builtin_drivers=ctx.state.builtin_drivers,
            header=ctx.header,
        )

    def plan(self, ctx: Context, wishes: Wishes) -> Result:
        """Findings for every device, then a change for each function on the wrong driver."""
        selections, missing = select_all(
            ctx.spec.device, ctx.state.pci, record.known(ctx.owned.section(SECTION))
        )
        out = _Outcome([*missing, *_findings(ctx, selections)])
        for selection in selections:
            for function in selection.all if selection.spec.bind == "boot" else ():
                _bind(ctx, selection, function, out)
        _release(ctx, selections, out)
        return Result(
            tuple(out.changes), tuple(out.findings), tuple(out.pending), tuple(out.unchanged)
        )


RESOURCE = Devices()


class _Outcome(Struct):
    """What the functions of all devices add up to."""

    findings: list[Finding]
    changes: list[Change] = field(default_factory=list)
    pending: list[Pending] = field(default_factory=list)
    unchanged: list[Unchanged] = field(default_factory=list)

    def add(self, found: live.Move) -> None:
        """A function moves now, or later and for a reason."""
        change, pending, finding = found
        self.changes += [change] if change else []
        self.pending += [pending] if pending else []
        self.findings += [finding] if finding else []


def selected(ctx: Context) -> tuple[Selection, ...]:
    """The devices of the spec that were found on this host."""
    known = record.known(ctx.owned.section(SECTION))
    return select_all(ctx.spec.device, ctx.state.pci, known)[0]


def _findings(ctx: Context, selections: tuple[Selection, ...]) -> Iterator[Finding]:
    state = ctx.state
    given = safety.given_away(selections)
    arguments = _coming_arguments(ctx)
    # What runs concerns only who gives something to a VM; what the spec asks for is its own doing.
    yield from safety.acs_findings(arguments if ctx.spec.device else _own_arguments(ctx))
    words = [word for word, _ in arguments]
    needy = [where for where in needing(ctx.spec) if where.startswith("device")]
    to_guests = safety.given_away(s for s in selections if s.where in needy)
    if needy:
        yield from safety.iommu_findings(ctx, needy[0])
    if ctx.spec.device:
        yield from foreign_ids.findings(ctx, given)
    for selection in selections:
        yield from safety.sibling_findings(selection, state.iommu, state.pci)
        yield from safety.function_findings(selection, state, words)
        if selection.where in needy:
            yield from safety.guest_findings(selection, to_guests, state)
        yield from safety.use_findings(selection, state.needs)
        yield from framebuffer.findings(selection, state.needs.seat, state.identity.kernel)
        yield from record.group_changes(selection, state.pci, ctx.owned.section(SECTION))
    yield from safety.seat_findings(selections, state.needs, state.pci, words)


def _coming_arguments(ctx: Context) -> list[tuple[str, str]]:
    """(argument, where) of the running line, then of the spec."""
    return [*((w, "/proc/cmdline") for w in ctx.state.boot.running), *_own_arguments(ctx)]


def _own_arguments(ctx: Context) -> list[tuple[str, str]]:
    args = enumerate(ctx.spec.boot.kernel_args)
    return [(str(arg), f"boot.kernel_args[{n}]") for n, arg in args]


def _bind(ctx: Context, selection: Selection, function: PciFunction, out: _Outcome) -> None:
    driver = selection.spec.driver
    claim = record.claim(function, ctx.state.pci, ctx.owned.section(SECTION), driver)
    if function.driver != driver:
        out.add(live.bind(ctx, function, driver, selection.where, claim, _files()))
        return
    reason = f"is bound to {driver}"
    out.unchanged.append(Unchanged(str(function.address), reason, selection.where))
    out.changes += record.refreshed(function, claim, ctx.owned.section(SECTION), selection.where)


def _release(ctx: Context, selections: Iterable[Selection], out: _Outcome) -> None:
    """Functions that reconcile had bound and that the spec no longer names."""
    wanted = {str(f.address) for s in selections if s.spec.bind == "boot" for f in s.all}
    for address, kept in ctx.owned.section(SECTION).items():
        if address not in wanted:
            out.add(live.release(ctx, address, kept, _files()))


def _files() -> frozenset[str]:
    return frozenset(change_id(path) for path in RESOURCE.own_paths)
