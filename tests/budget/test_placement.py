"""Who else decides where things run."""

from __future__ import annotations

from backends.hugepage_writers import Writer, observe_writers
from backends.systemd import observe_systemd
from backends.tuned import TunedState
from reconciler.budget.placement_checks import slice_findings, tuned_findings, writer_findings
from reconciler.budget.sets import cpu_sets
from specs.values import CpuSet
from tests.budget.hosts import codes, cpu_table, host, pages_table
from tests.topology.maps import MapReader

PAGES = pages_table({"size": "1G", "count": 1})


def test_tuned_with_arguments_of_its_own() -> None:
    tuned = TunedState("cpu-partitioning", "nohz=on isolcpus=2-3 hugepagesz=1G hugepages=4")
    findings = list(tuned_findings(tuned, cpu_table(isolated="2-3"), PAGES))
    assert codes(findings) == ["warn tuned-conflict cpu", "warn tuned-conflict hugepages"]
    assert "cpu-partitioning puts isolcpus=2-3 on" in findings[0].message
    assert not list(tuned_findings(tuned, cpu_table(), pages_table()))
    harmless = TunedState("virtual-host", "")
    assert not list(tuned_findings(harmless, cpu_table(isolated="2-3"), PAGES))


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
