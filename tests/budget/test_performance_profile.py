"""The published validation of OpenShift's PerformanceProfile (cluster-node-tuning-operator,
pkg/apis/performanceprofile/v2/performanceprofile_validation.go), rule by rule: what this project
says instead, and what to write.

Rules without a counterpart, as there is no such thing in a spec: node and machine-config
selectors, equal hardware of several nodes, kernel page size and real-time kernel, workload hints,
CPU frequencies; offlined and shared CPUs, which are unknown keys here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.budget.cpu_checks import cpu_findings
from reconciler.budget.memory_checks import memory_findings
from reconciler.model import Finding, Severity
from specs.spec import HostSpec
from tests.budget.hosts import host
from tests.cli import run

_LIST = 'expected a CPU list in the kernel\'s form, such as "0-3,8" or "0-15:2/4"'
_PAGE = '[[hugepages.pages]]\nsize = "1G"\ncount = {}\n'
_ON_1 = _PAGE + "node = 1\n"

# rule (in its own words where it has some) -> spec, where, and what --validate says
WRONG_ANYWHERE: dict[str, tuple[str, str, str]] = {
    "isolated CPUs required": (
        "[cpu]\nnohz_full = true\n",
        "3:13: cpu.nohz_full",
        'write isolated = "2-7" (the CPUs for VMs), or nohz_full = "2-7"',
    ),
    "reserved CPUs can not be empty": (
        '[cpu]\nreserved = ""\n',
        "3:12: cpu.reserved",
        f'found "", which is empty; {_LIST}',
    ),
    "isolated CPUs can not be empty": (
        '[cpu]\nisolated = ","\n',
        "3:12: cpu.isolated",
        f'found ",", which is an empty set; {_LIST}',
    ),
    "a CPU list that NewCPULists cannot read": (
        '[cpu]\nisolated = "7-2"\n',
        "3:12: cpu.isolated",
        "has a range that goes down (7-2): write 2-7",
    ),
    "offlined": (
        '[cpu]\noffline = "3"\n',
        "3:1: cpu.offline",
        "known here: isolated, reserved, isolation, nohz_full, rcu_nocbs, irq_affinity, slices",
    ),
    "the page with the size and without the specified NUMA node, has duplication": (
        _PAGE.format(1) + _PAGE.format(3),
        "5:1: hugepages.pages[1]",
        "write one of them, with count = 4 if both numbers are meant",
    ),
    "the page with the size and with specified NUMA node, has duplication": (
        _ON_1.format(1) + _ON_1.format(1),
        "6:1: hugepages.pages[1]",
        "write one of them, with count = 2",
    ),
    "pages of one size with and without a node (allowed there; here the kernel has one argument)": (
        _ON_1.format(1) + _PAGE.format(1),
        "6:1: hugepages.pages[1]",
        "write node = N in every pool of this size, or in none",
    ),
    "hugepages default size should be equal to one of": (
        '[hugepages]\ndefault_size = "3M"\n',
        "3:16: hugepages.default_size",
        'is no power of two; expected a page size such as "2M" or "1G"',
    ),
    "can not set network devices queues count without specifying spec.cpu.reserved": (
        "[cpu]\nirq_affinity = true\n",
        "3:16: cpu.irq_affinity",
        'write reserved = "0-1" (the CPUs that the host keeps)',
    ),
    "device name cannot be empty": (
        '[[device]]\nname = ""\nid = "8086:1572"\n',
        "3:8: device[0].name",
        "expected a name of at most 64 letters, digits",
    ),
    "device vendor ID has an invalid format": (
        '[[device]]\nname = "nic"\nid = "0x8086"\n',
        "4:6: device[0].id",
        'expected vendor and device id such as "10de:2489"',
    ),
    "device model ID can not be used without specifying the device vendor ID": (
        '[[device]]\nname = "nic"\nid = ":1572"\n',
        "4:6: device[0].id",
        'expected vendor and device id such as "10de:2489"',
    ),
    "unrecognized value for topologyPolicy": (
        '[[vm]]\nname = "a"\n[vm.memory.numatune]\nmode = "single"\nnodeset = "0"\n',
        "5:8: vm[0].memory.numatune.mode",
        'found "single"; expected "strict", "preferred", "interleave" or "restrictive"',
    ),
}


@pytest.mark.parametrize("rule", WRONG_ANYWHERE)
def test_rules_that_need_no_host(rule: str, tmp_path: Path) -> None:
    text, where, words = WRONG_ANYWHERE[rule]
    file = tmp_path / "host.toml"
    file.write_text(f"version = 1\n{text}")
    ran = run("--validate", file)
    assert ran.code == 65
    said = " ".join(ran.err.split())
    assert f"{file}:{where}:" in said
    assert words in said


def spec(**tables: Any) -> HostSpec:
    """A whole spec from its tables."""
    return HostSpec.model_validate({"version": 1, **tables})


# rule -> tables, code, message, what to write instead
WRONG_HERE: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "reserved and isolated overlap": (
        {"cpu": {"isolated": "2-7,10-15", "reserved": "0-2,8-10"}},
        "cpu-overlap",
        "CPUs 2,10 are both isolated and reserved",
        'write reserved = "0-1,8-9"',
    ),
    "reserved CPUs required (none would be left)": (
        {"cpu": {"isolated": "0-15"}},
        "cpu-no-housekeeping",
        "all CPUs are isolated: none is left for the host itself",
        'write isolated = "1-7,9-15" and reserved = "0,8"',
    ),
    "a default size that the architecture has not": (
        {"hugepages": {"default_size": "512M"}},
        "hugepages-size",
        "this host has no huge pages of 512M",
        "write one of 2M, 1G",
    ),
    "a page size that the architecture has not": (
        {"hugepages": {"pages": [{"size": "32M", "count": 1}]}},
        "hugepages-size",
        "this host has no huge pages of 32M",
        "write one of 2M, 1G",
    ),
}


@pytest.mark.parametrize("rule", WRONG_HERE)
def test_rules_that_need_the_host(rule: str) -> None:
    tables, code, message, hint = WRONG_HERE[rule]
    (finding,) = _findings(spec(**tables))
    assert (finding.severity, finding.code) == (Severity.REFUSE, code)
    assert (finding.message, finding.hint) == (message, hint)


def _findings(wanted: HostSpec) -> Iterator[Finding]:
    cpus, memory = host()
    yield from cpu_findings(wanted.cpu, cpus, "6.1.0")
    yield from memory_findings(wanted.hugepages, memory, cpus)
