"""``[cpu]``: which CPUs belong to VMs, which to the host."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from specs.fields import FlagOrCpus, Items, Table
from specs.problems import Checks, twice
from specs.values import CpuSet

if TYPE_CHECKING:
    from typing_extensions import Self


class Cpu(Table):
    """CPU isolation (kernel-parameters.rst, timers/no_hz.rst, irq-affinity.rst)."""

    isolated: CpuSet | None = Field(
        default=None, description="CPUs for VMs: the host's scheduler leaves them alone."
    )
    reserved: CpuSet | None = Field(
        default=None,
        description="Housekeeping CPUs, for the host itself; disjoint from isolated, never empty. "
        "Default: all that are not isolated, where another key needs the set.",
        examples=["0-1,8-9"],
    )
    isolation: Items[Literal["domain", "managed_irq", "nohz"]] = Field(
        default=("domain", "managed_irq"),
        description="Flags of isolcpus= for the isolated CPUs; [] sets no isolcpus=.",
    )
    nohz_full: FlagOrCpus = Field(
        default=False,
        description="CPUs without timer tick while one task runs (nohz_full=): true for the "
        "isolated ones, or a CPU list.",
    )
    rcu_nocbs: FlagOrCpus = Field(
        default=False,
        description="CPUs whose RCU callbacks run elsewhere (rcu_nocbs=): true for the isolated "
        "ones, or a CPU list.",
    )
    irq_affinity: bool = Field(
        default=False,
        description="true: interrupts go to the reserved CPUs, at boot (irqaffinity=) and now "
        "(/proc/irq/*/smp_affinity_list).",
    )
    slices: bool = Field(
        default=False,
        description="true: system.slice, user.slice and init.scope are kept on the reserved CPUs "
        "(AllowedCPUs= of systemd.resource-control(5)).",
    )

    @model_validator(mode="after")
    def _agrees(self) -> "Self":
        """``true`` stands for a set that is declared; no flag comes twice."""
        checks = Checks()
        for key in ("nohz_full", "rcu_nocbs"):
            if getattr(self, key) is True and self.isolated is None:
                checks.add(
                    (key,),
                    "true stands for cpu.isolated, which is not declared",
                    f'write isolated = "2-7" (the CPUs for VMs), or {key} = "2-7"',
                )
        for key in ("irq_affinity", "slices"):
            if getattr(self, key) and self.isolated is None and self.reserved is None:
                checks.add(
                    (key,),
                    "needs cpu.reserved (or cpu.isolated), which is not declared",
                    'write reserved = "0-1" (the CPUs that the host keeps)',
                )
        for index, flag in twice(self.isolation):
            checks.add(("isolation", index), f'"{flag}" is there twice', "take one of them out")
        checks.done()
        return self
