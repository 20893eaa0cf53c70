"""TuneD's profile against the spec; what its files say was taken from TuneD 2.20 on Debian 12."""

from __future__ import annotations

from collections.abc import Mapping

from backends.tuned import Setting, TunedState, observe_tuned
from reconciler.budget.tuned_checks import tuned_findings
from reconciler.model import Finding
from tests.budget.hosts import codes, cpu_table, pages_table
from tests.topology.maps import MapReader

CPU = cpu_table(isolated="2-3")
PAGES = pages_table({"size": "1G", "count": 1})
ACTIVE = "/etc/tuned/active_profile"
LINE = "/etc/tuned/bootcmdline"
PARTITIONING = """[main]
include=network-latency

[variables]
include=/etc/tuned/cpu-partitioning-variables.conf
isolated_cores = ${isolated_cores}

[systemd]
cpu_affinity=${not_isolated_cores_expanded}

[irqbalance]
banned_cpus=${isolated_cores}

[scheduler]
isolated_cores=${isolated_cores}

[bootloader]
priority=10
cmdline_cpu_part=+nohz=on${cmd_isolcpus} nohz_full=${cores} rcu_nocbs=${cores} tuned.non_isolcpus=1
"""
INSTALLED = {
    "/usr/lib/tuned/cpu-partitioning/tuned.conf": PARTITIONING,
    "/usr/lib/tuned/network-latency/tuned.conf": "[main]\ninclude=latency-performance\n",
    "/usr/lib/tuned/latency-performance/tuned.conf": "[sysctl]\nvm.swappiness=10\n",
    "/usr/lib/tuned/virtual-host/tuned.conf": "[main]\ninclude=latency-performance\n",
}


def found(files: Mapping[str, str]) -> list[Finding]:
    return list(tuned_findings(observe_tuned(MapReader(files)), CPU, PAGES))


def test_arguments_that_it_has_put_on_the_line() -> None:
    tuned = TunedState("cpu-partitioning", "nohz=on isolcpus=2-3 hugepagesz=1G hugepages=4")
    findings = list(tuned_findings(tuned, CPU, PAGES))
    assert codes(findings) == ["warn tuned-conflict cpu", "warn tuned-conflict hugepages"]
    assert "cpu-partitioning puts isolcpus=2-3 on" in findings[0].message
    assert not list(tuned_findings(tuned, cpu_table(), pages_table()))
    assert not list(tuned_findings(TunedState("virtual-host", ""), CPU, PAGES))


def test_a_table_without_isolated_cpus_has_conflicts_too() -> None:
    tuned = TunedState("mine", "irqaffinity=1")
    findings = tuned_findings(tuned, cpu_table(reserved="0-1", slices=True), pages_table())
    assert codes(findings) == ["warn tuned-conflict cpu"]


def test_what_a_profile_does_is_known_before_it_has_done_it() -> None:
    (finding,) = found({**INSTALLED, ACTIVE: "cpu-partitioning\n", LINE: "TUNED_BOOT_CMDLINE=\n"})
    assert finding.message == (
        "TuneD's profile cpu-partitioning puts nohz_full= rcu_nocbs= on the kernel command "
        "line, moves threads and interrupts, rewrites irqbalance's settings, sets "
        "CPUAffinity= of systemd"
    )
    assert found({**INSTALLED, ACTIVE: "virtual-host\n"}) == []


def test_a_profile_of_the_administrator_is_read_with_all_that_it_includes() -> None:
    mine = "[main]\ninclude=-gone, cpu-partitioning\n[pools]\ntype=sysctl\nvm.nr_hugepages=8\n"
    findings = found({**INSTALLED, "/etc/tuned/profiles/mine/tuned.conf": mine, ACTIVE: "mine\n"})
    assert codes(findings) == ["warn tuned-conflict cpu", "warn tuned-conflict hugepages"]
    assert findings[1].message == "TuneD's profile mine sets vm.nr_hugepages"


def test_profiles_that_include_each_other_are_read_once() -> None:
    loop = "[main]\ninclude=b a ../x\n[scheduler]\nisolated_cores=1\n"
    files = {"/etc/tuned/a/tuned.conf": loop, "/etc/tuned/b/tuned.conf": loop, ACTIVE: "a\n"}
    assert (
        observe_tuned(MapReader(files)).settings
        == (Setting("scheduler", "isolated_cores", "1"),) * 2
    )


def test_a_known_profile_without_its_files_is_known_by_name() -> None:
    (finding,) = found({ACTIVE: "realtime-virtual-host\n"})
    assert finding.message == "TuneD's profile realtime-virtual-host isolates CPUs by itself"
