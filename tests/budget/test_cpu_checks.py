"""Findings about [cpu]: each says what to write instead."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backends.topology.cpu import observe_cpus
from reconciler.budget.cpu_checks import cpu_findings, kernel_age
from reconciler.model import Finding
from tests.budget.hosts import codes, cpu_table, host
from tests.cli import run
from tests.simulator.hosts import build
from tests.topology.maps import CPU, MapReader, machine


def found(release: str = "6.1.0", **keys: Any) -> list[Finding]:
    cpus, _ = host()
    return list(cpu_findings(cpu_table(**keys), cpus, release))


def test_a_good_table_has_no_findings() -> None:
    assert found(isolated="2-7,10-15", reserved="0-1,8-9", nohz_full=True) == []


def test_cpus_that_the_host_has_not() -> None:
    (finding,) = found(isolated="2-7,10-63", reserved="0-1,8-9")
    assert codes([finding]) == ["refuse cpu-out-of-range cpu.isolated"]
    assert finding.message == "this host has no CPUs 16-63; it has 0-15"
    assert finding.hint == 'write isolated = "2-7,10-15"'


def test_a_set_wholly_beyond_the_host() -> None:
    findings = found(isolated="20-23", reserved="0-1,8-9")
    assert findings[0].hint == "take isolated out, or name CPUs of this host"


def test_isolated_and_reserved_overlap() -> None:
    (finding,) = found(isolated="2-7,10-15", reserved="0-2,8-10")
    assert codes([finding]) == ["refuse cpu-overlap cpu.reserved"]
    assert finding.message == "CPUs 2,10 are both isolated and reserved"
    assert finding.hint == 'write reserved = "0-1,8-9"'


def test_an_overlap_that_swallows_reserved_is_cut_out_of_isolated() -> None:
    findings = [f for f in found(isolated="2-7,10-15", reserved="2") if f.code == "cpu-overlap"]
    assert findings[0].hint == 'write isolated = "3-7,10-15"'


def test_nothing_is_left_for_the_host() -> None:
    (finding,) = found(isolated="0-15")
    assert codes([finding]) == ["refuse cpu-no-housekeeping cpu.isolated"]
    assert finding.hint == 'write isolated = "1-7,9-15" and reserved = "0,8"'


def test_reserved_cpus_that_are_all_offline() -> None:
    files = machine() | {f"{CPU}/online": "0-13\n"}
    table = cpu_table(isolated="2-5", reserved="14-15")
    findings = cpu_findings(table, observe_cpus(MapReader(files)), "6.1")
    assert "refuse cpu-no-housekeeping cpu.reserved" in codes(findings)


def test_offline_cpus_are_named_with_the_reason() -> None:
    files = machine() | {f"{CPU}/online": "0-7\n", f"{CPU}/smt/control": "off\n"}
    table = cpu_table(isolated="2-7,10-15", reserved="0-1,8-9")
    findings = list(cpu_findings(table, observe_cpus(MapReader(files)), "6.1"))
    (finding,) = [f for f in findings if f.code == "cpu-offline"]
    assert "CPUs 10-15 are offline (SMT is switched off" in finding.message
    assert finding.hint == 'write isolated = "2-7"'


def test_a_core_with_threads_on_both_sides() -> None:
    (finding,) = found(isolated="2-7,11-15", reserved="0-1,8-10")
    assert codes([finding]) == ["warn smt-split cpu.isolated"]
    assert "isolated are 2 without 10" in finding.message
    assert finding.hint == 'write isolated = "2-7,10-15"'


def test_many_split_cores_make_one_short_message() -> None:
    (finding,) = found(isolated="2-7", reserved="0-1,8-15")
    assert finding.message.endswith("5 without 13 and 2 more")
    assert finding.hint == 'write isolated = "2-7,10-15"'


def test_growing_that_would_leave_no_host_shrinks_instead() -> None:
    findings = found(isolated="1-15", reserved="0")
    (finding,) = [f for f in findings if f.code == "smt-split"]
    assert finding.hint == 'write isolated = "1-7,9-15"'


def test_the_boot_cpu_and_idle_cpus() -> None:
    assert "warn cpu-boot-isolated cpu.isolated" in codes(found(isolated="0,8", reserved="1,9"))
    lone = found(isolated="2-7,10-15", reserved="0-1,8-9", nohz_full="0-7,10-15")
    (boot,) = [f for f in lone if f.code == "cpu-boot-isolated"]
    assert (boot.where, boot.hint) == ("cpu.nohz_full", 'write nohz_full = "1-7,10-15"')
    assert found(reserved="0-1") == []
    findings = found(isolated="2-7,10-15", reserved="0,8")
    assert codes(findings) == ["note cpu-unassigned cpu.reserved"]
    assert findings[0].hint == 'write reserved = "0-1,8-9"'


@pytest.mark.parametrize(
    ("release", "isolation", "refused"),
    [
        ("5.17.0", ["domain"], True),
        ("5.18.0", ["domain"], False),
        ("6.1.0", ["nohz", "domain"], True),
        ("5.15.0", [], False),
    ],
)
def test_nohz_full_that_the_kernel_would_drop(
    release: str, isolation: list[str], refused: bool
) -> None:
    findings = found(release, isolated="2-7,10-15", isolation=isolation, nohz_full="2,10")
    assert codes(findings) == (["refuse nohz-full-mismatch cpu.nohz_full"] if refused else [])
    assert all(f.hint == "write nohz_full = true" for f in findings)


def test_a_kernel_without_nohz_full() -> None:
    files = machine()
    del files[f"{CPU}/nohz_full"]
    table = cpu_table(isolated="2-7,10-15", nohz_full=True)
    findings = cpu_findings(table, observe_cpus(MapReader(files)), "6.1")
    assert codes(findings) == ["warn nohz-full-unsupported cpu.nohz_full"]


def test_where_no_cpus_are_known_only_what_needs_them_is_refused() -> None:
    nothing = observe_cpus(MapReader({}))
    assert codes(cpu_findings(cpu_table(isolated="2-7"), nothing, "")) == []
    table = cpu_table(isolated="2-7", irq_affinity=True)
    assert codes(cpu_findings(table, nothing, "")) == ["refuse cpu-out-of-range cpu.irq_affinity"]


@pytest.mark.parametrize(
    ("release", "old"), [("5.14.0-427.el9", True), ("5.15", False), ("", False)]
)
def test_old_kernels(release: str, old: bool) -> None:
    assert codes(kernel_age(release)) == (["warn kernel-too-old host"] if old else [])


def test_every_plan_looks_at_the_kernels_age(tmp_path: Path) -> None:
    build("sriov-server", tmp_path / "tree")
    (tmp_path / "tree/proc/sys/kernel/osrelease").write_text("5.10.0-30-amd64\n")
    (tmp_path / "host.toml").write_text("version = 1\n")
    ran = run("--plan", tmp_path / "host.toml", "--root", tmp_path / "tree", "--format", "json")
    assert "kernel-too-old" in {f["code"] for f in json.loads(ran.out)["findings"]}


def test_without_cpus_to_be_seen_the_reserved_ones_must_be_declared() -> None:
    nothing = observe_cpus(MapReader({}))
    table = cpu_table(isolated="2-3", slices=True, irq_affinity=True)
    assert codes(cpu_findings(table, nothing, "")) == [
        "refuse cpu-out-of-range cpu.irq_affinity",
        "refuse cpu-out-of-range cpu.slices",
    ]
    said = cpu_table(isolated="2-3", reserved="0-1", slices=True, irq_affinity=True)
    assert not list(cpu_findings(said, nothing, ""))
