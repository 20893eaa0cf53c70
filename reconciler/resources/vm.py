"""``[[vm]]``: domains of libvirt get what the spec says, and lose nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.context import Context, Result, Wishes

if TYPE_CHECKING:
    from reconciler.domains.plan import Outcome


class Domains:
    """Definitions and autostart marks. A running VM is never stopped or restarted."""

    kind = "domain"
    order = 90
    own_paths: tuple[str, ...] = ()

    def wishes(self, ctx: Context) -> Wishes:
        """Nothing: what VMs need of the host, the spec says elsewhere."""
        return Wishes()

    def plan(self, ctx: Context, wishes: Wishes) -> Result:
        """A change for each domain that differs; XML is only looked at when there is one."""
        from reconciler.domains.record import SECTION

        if not ctx.spec.vm and not ctx.owned.section(SECTION):
            return Result()
        from reconciler.domains.plan import outcomes

        return _result(outcomes(ctx))


RESOURCE = Domains()


def _result(outcomes: list[Outcome]) -> Result:
    return Result(
        changes=tuple(c for o in outcomes for c in o.changes),
        findings=tuple(f for o in outcomes for f in o.findings),
        pending=tuple(p for o in outcomes for p in o.pending),
        unchanged=tuple(u for o in outcomes for u in o.unchanged),
    )
