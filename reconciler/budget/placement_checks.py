"""Who else decides where things run: systemd's own settings, irqbalance, sysctl files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backends.topology.hugepage_writers import Writer
from backends.topology.irq import Irqbalance
from backends.topology.systemd import HOST_UNITS, SystemdState
from reconciler.budget.sets import CpuSets
from reconciler.budget.words import cpus
from reconciler.model import Finding, warn
from specs.cpu import Cpu as CpuTable
from specs.hugepages import Hugepages
from specs.values import CpuSet

#: Our drop-ins; systemd reads all of a unit in the order of their names.
DROP_IN = "reconcile.conf"


def slice_findings(
    table: CpuTable, sets: CpuSets, systemd: SystemdState, pinned: CpuSet
) -> Iterator[Finding]:
    """Settings of systemd that would keep the declared sets from working."""
    if table.slices and systemd.booted and not systemd.cpuset:
        message = "AllowedCPUs= does nothing here: cgroup v2 with the cpuset controller is needed"
        hint = "boot with systemd.unified_cgroup_hierarchy=1, or take slices out"
        yield warn("slices-unsupported", "cpu.slices", message, hint)
    for unit in HOST_UNITS if table.slices else ():
        yield from _added(unit, sets.reserved, systemd)
    for setting in systemd.manager_affinity:
        if sets.isolated and setting.cpus & sets.isolated:
            both = setting.cpus & sets.isolated
            message = f"CPUAffinity= in {setting.path} lets services run on isolated {cpus(both)}"
            yield warn(
                "cpu-affinity-conflict", "cpu.isolated", message, "take those CPUs out there"
            )
    machine = systemd.slice("machine.slice")
    if machine and machine.configured is not None and pinned - machine.configured:
        out = pinned - machine.configured
        files = ", ".join(f.path for f in machine.files)
        message = f"machine.slice is kept off {cpus(out)}, which VMs are pinned to ({files})"
        yield warn("machine-slice-conflict", "cpu", message, "take AllowedCPUs= out there")


def _added(unit: str, reserved: CpuSet, systemd: SystemdState) -> Iterator[Finding]:
    """A drop-in that is read after ours adds its CPUs to the list (systemd.resource-control(5))."""
    found = systemd.slice(unit)
    for setting in found.files if found else ():
        later = setting.path.rpartition("/")[2] > DROP_IN
        if later and (more := setting.cpus - reserved):
            message = f"{setting.path} lets {unit} run on {cpus(more)} besides"
            yield warn(
                "cpu-affinity-conflict", "cpu.slices", message, "take AllowedCPUs= out there"
            )


def irqbalance_findings(
    table: CpuTable, sets: CpuSets, irqbalance: Irqbalance
) -> Iterator[Finding]:
    """A list of the administrator's replaces irqbalance's own ban of isolated CPUs
    (irqbalance(1)); with irq_affinity ours replaces that list."""
    if table.irq_affinity or not irqbalance.installed or irqbalance.banned is None:
        return
    if open_ := sets.isolated - irqbalance.banned:
        only = f"only {cpus(irqbalance.banned)}" if irqbalance.banned else "no CPU"
        message = (
            f"irqbalance is told to spare {only}: it moves interrupts to isolated {cpus(open_)}"
        )
        hint = "write irq_affinity = true, or take IRQBALANCE_BANNED_CPULIST out of its settings"
        yield warn("irqbalance-conflict", "cpu.isolated", message, hint)


def writer_findings(table: Hugepages, writers: Sequence[Writer]) -> Iterator[Finding]:
    """Files that set pools too, at every start."""
    for writer in writers if table.pages else ():
        message = f"{writer.path} sets hugepages too, at every start: {writer.words}"
        hint = "take that line out: two owners of one pool undo each other"
        yield warn("hugepages-writer", "hugepages.pages", message, hint)
