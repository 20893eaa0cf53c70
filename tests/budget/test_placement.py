"""Who else decides where things run."""

from __future__ import annotations

from backends.reader import NeedsRoot
from backends.topology.hugepage_writers import Writer, observe_writers
from backends.topology.irq import Irqbalance
from backends.topology.systemd import observe_systemd
from reconciler.budget.placement_checks import (
    irqbalance_findings,
    slice_findings,
    writer_findings,
)
from reconciler.budget.sets import cpu_sets
from specs.values import CpuSet
from tests.budget.hosts import codes, cpu_table, host, pages_table
from tests.topology.maps import MapReader

PAGES = pages_table({"size": "1G", "count": 1})


def test_systemd_settings_that_stand_in_the_way() -> None:
    files = {
        "/run/systemd/system/x": "",
        "/etc/systemd/system.conf": "[Manager]\nCPUAffinity=0-2\n",
        "/etc/systemd/system/machine.slice.d/x.conf": "[Slice]\nAllowedCPUs=0-3\n",
    }
    systemd = observe_systemd(MapReader(files))
    table = cpu_table(isolated="2-7", slices=True)
    cpus, _ = host()
    findings = list(slice_findings(table, cpu_sets(table, cpus), systemd, CpuSet((3, 4))))
    assert codes(findings) == [
        "warn slices-unsupported cpu.slices",
        "warn cpu-affinity-conflict cpu.isolated",
        "warn machine-slice-conflict cpu",
    ]
    assert "isolated CPU 2" in findings[1].message
    assert "off CPU 4, which" in findings[2].message


class Outsider(MapReader):
    """Somebody who may not look into root's home."""

    def exists(self, path: str) -> bool:
        """See Reader."""
        if path.startswith("/root/"):
            raise NeedsRoot(path)
        return super().exists(path)


def test_who_may_not_look_into_roots_home_plans_all_the_same() -> None:
    assert observe_systemd(Outsider({})).program == ""


def test_other_files_that_set_pools() -> None:
    files = {
        "/etc/sysctl.d/80-huge.conf": "# vm.nr_hugepages = 1\nvm.nr_hugepages = 512\n",
        "/usr/lib/sysctl.d/80-huge.conf": "vm.nr_hugepages = 9\n",
        "/etc/sysctl.conf": "vm/nr_hugepages=4\nvm.swappiness=1\n",
        "/etc/tmpfiles.d/x.conf": "w /sys/x/hugepages/nr_hugepages - - - - 8\n",
        "/etc/tmpfiles.d/reconcile-hugepages.conf": "w! /sys/x/hugepages/nr_hugepages - - - - 8\n",
    }
    writers = observe_writers(MapReader(files))
    assert [w.path for w in writers] == [
        "/etc/sysctl.d/80-huge.conf",
        "/etc/sysctl.conf",
        "/etc/tmpfiles.d/x.conf",
    ]
    assert writers[0] == Writer("/etc/sysctl.d/80-huge.conf", "vm.nr_hugepages = 512")
    assert codes(writer_findings(PAGES, writers)) == ["warn hugepages-writer hugepages.pages"] * 3
    assert not list(writer_findings(pages_table(), writers))


def test_irqbalance_that_is_told_of_other_cpus_only() -> None:
    cpus, _ = host()
    table = cpu_table(isolated="2-3")
    sets = cpu_sets(table, cpus)
    told = Irqbalance(installed=True, banned=CpuSet((2,)))
    (finding,) = irqbalance_findings(table, sets, told)
    assert codes([finding]) == ["warn irqbalance-conflict cpu.isolated"]
    assert finding.message == (
        "irqbalance is told to spare only CPU 2: it moves interrupts to isolated CPU 3"
    )
    for quiet in (
        Irqbalance(installed=True, banned=None),
        Irqbalance(installed=False, banned=CpuSet((2,))),
        Irqbalance(installed=True, banned=CpuSet((2, 3))),
    ):
        assert not list(irqbalance_findings(table, sets, quiet))
    ours = cpu_table(isolated="2-3", irq_affinity=True)
    assert not list(irqbalance_findings(ours, sets, told))


def test_a_drop_in_that_is_read_after_ours_adds_its_cpus() -> None:
    place = "/etc/systemd/system/system.slice.d"
    files = {
        "/run/systemd/system/x": "",
        "/sys/fs/cgroup/cgroup.controllers": "cpuset\n",
        f"{place}/50-before.conf": "[Slice]\nAllowedCPUs=7\n",
        f"{place}/reconcile.conf": "[Slice]\nAllowedCPUs=\nAllowedCPUs=0-1\n",
        f"{place}/zz-after.conf": "[Slice]\nAllowedCPUs=1-2\n",
    }
    systemd = observe_systemd(MapReader(files))
    cpus, _ = host()
    table = cpu_table(isolated="2-7", reserved="0-1", slices=True)
    (finding,) = slice_findings(table, cpu_sets(table, cpus), systemd, CpuSet())
    assert codes([finding]) == ["warn cpu-affinity-conflict cpu.slices"]
    assert finding.message == f"{place}/zz-after.conf lets system.slice run on CPU 2 besides"
    plain = cpu_table(isolated="2-7", reserved="0-1")
    assert not list(slice_findings(plain, cpu_sets(plain, cpus), systemd, CpuSet()))
