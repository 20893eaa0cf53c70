"""Who else decides where things run: TuneD, systemd's own settings, irqbalance, sysctl files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backends.formats.cmdline import hugepage_words, name_of, normal_name, tokens
from backends.hugepage_writers import Writer
from backends.systemd import SystemdState
from backends.tuned import TunedState
from reconciler.budget.cpu_args import NAMES
from reconciler.budget.sets import CpuSets
from reconciler.budget.words import cpus
from reconciler.model import Finding, warn
from specs.cpu import Cpu as CpuTable
from specs.hugepages import Hugepages
from specs.values import CpuSet


def tuned_findings(tuned: TunedState, cpu: CpuTable, pages: Hugepages) -> Iterator[Finding]:
    """TuneD puts arguments of its own on every entry; of most the last one wins, and of
    hugepages pairs nobody can say what becomes of them."""
    words = tokens(tuned.cmdline)
    theirs = [w for w in words if normal_name(name_of(w)) in NAMES]
    if cpu.isolated is not None and theirs:
        yield _tuned(tuned, theirs, "cpu")
    if pages.pages and (blocks := hugepage_words(words)):
        yield _tuned(tuned, blocks, "hugepages")


def _tuned(tuned: TunedState, words: Sequence[str], where: str) -> Finding:
    message = f"TuneD's profile {tuned.profile} puts {' '.join(words)} on the kernel command line"
    hint = "choose a profile without it: tuned-adm profile virtual-host; or take the table out"
    return warn("tuned-conflict", where, message, hint)


def slice_findings(
    table: CpuTable, sets: CpuSets, systemd: SystemdState, pinned: CpuSet
) -> Iterator[Finding]:
    """Settings of systemd that would keep the declared sets from working."""
    if table.slices and systemd.booted and not systemd.cpuset:
        message = "AllowedCPUs= does nothing here: cgroup v2 with the cpuset controller is needed"
        hint = "boot with systemd.unified_cgroup_hierarchy=1, or take slices out"
        yield warn("slices-unsupported", "cpu.slices", message, hint)
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


def writer_findings(table: Hugepages, writers: Sequence[Writer]) -> Iterator[Finding]:
    """Files that set pools too, at every start."""
    for writer in writers if table.pages else ():
        message = f"{writer.path} sets hugepages too, at every start: {writer.words}"
        hint = "take that line out: two owners of one pool undo each other"
        yield warn("hugepages-writer", "hugepages.pages", message, hint)
