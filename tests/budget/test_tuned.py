"""TuneD's profile against the spec; what its files say was taken from TuneD 2.20 on Debian 12."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from backends.topology.tuned import Setting, TunedState, observe_tuned
from reconciler.budget.tuned_checks import tuned_findings
from reconciler.model import Finding
from tests.budget.hosts import codes, cpu_table, pages_table
from tests.realworld import params
from tests.topology.maps import MapReader

CPU = cpu_table(isolated="2-3")
PAGES = pages_table({"size": "1G", "count": 1})
ACTIVE = "/etc/tuned/active_profile"
FLAG = "${isolated_cores}"
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
cmdline_cpu_part=+nohz=on${cmd_isolcpus} nohz_full=${isolated_cores} rcu_nocbs=${isolated_cores}
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


@pytest.mark.parametrize(
    ("variables", "shown"),
    [("isolated_cores=2-3  # two of them\n", "nohz_full=2-3 rcu_nocbs=2-3"),
     ("isolated_cores=${f:calc_isolated_cores:1}\n", "nohz_full= rcu_nocbs="),
     ("[broken\n", "nohz_full= rcu_nocbs=")],
)  # fmt: skip
def test_cpus_from_its_file_of_variables_are_named(variables: str, shown: str) -> None:
    path = "/etc/tuned/cpu-partitioning-variables.conf"
    (finding,) = found({**INSTALLED, ACTIVE: "cpu-partitioning\n", path: variables})
    assert f" puts {shown} on the kernel command line" in finding.message


@pytest.mark.realworld
@pytest.mark.parametrize("path", params("modules/tuned-variables/*.conf"))
def test_variables_of_real_machines(path: Path) -> None:
    """Which CPUs these mean is worked out by TuneD, when it starts."""
    mine = f"[variables]\ninclude=/etc/tuned/v.conf\n[bootloader]\ncmdline=+isolcpus={FLAG}\n"
    files = {"/etc/tuned/mine/tuned.conf": mine, "/etc/tuned/v.conf": path.read_text()}
    (finding,) = found({**files, ACTIVE: "mine\n"})
    assert finding.message == "TuneD's profile mine puts isolcpus= on the kernel command line"


def test_what_a_profile_takes_away_is_not_put_there() -> None:
    mine = "[bootloader]\ncmdline=-isolcpus=1\ncmdline_b=+nohz_full=3\n"
    (finding,) = found({"/etc/tuned/mine/tuned.conf": mine, ACTIVE: "mine\n"})
    assert finding.message == "TuneD's profile mine puts nohz_full=3 on the kernel command line"


def test_a_profile_of_the_administrator_is_read_with_all_that_it_includes() -> None:
    mine = "[main]\ninclude=-gone, cpu-partitioning\n[pools]\ntype=sysctl\nvm.nr_hugepages=8\n"
    findings = found({**INSTALLED, "/etc/tuned/profiles/mine/tuned.conf": mine, ACTIVE: "mine\n"})
    assert codes(findings) == ["warn tuned-conflict cpu", "warn tuned-conflict hugepages"]
    assert findings[1].message == "TuneD's profile mine sets vm.nr_hugepages"


def test_profiles_that_include_each_other_are_read_once() -> None:
    loop = "[main]\ninclude=b a ../x\n[scheduler]\nisolated_cores=1\n"
    files = {"/etc/tuned/a/tuned.conf": loop, "/etc/tuned/b/tuned.conf": loop, ACTIVE: "a\n"}
    assert observe_tuned(MapReader(files)).settings == (
        Setting("scheduler", "isolated_cores", "1"),
    )


def test_a_known_profile_without_its_files_is_known_by_name() -> None:
    (finding,) = found({ACTIVE: "realtime-virtual-host\n"})
    assert finding.message == "TuneD's profile realtime-virtual-host isolates CPUs by itself"
