"""The published validation of OpenShift's PerformanceProfile (cluster-node-tuning-operator,
performanceprofile_validation.go), rule by rule: what this project says instead.

Rules without a counterpart here: node and machine-config selectors, equal hardware of several
nodes, kernel page size and real-time kernel, workload hints, CPU frequencies.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from reconciler.budget.cpu_checks import cpu_findings
from reconciler.budget.memory_checks import memory_findings
from reconciler.model import Finding, Severity
from specs.spec import HostSpec
from tests.budget.hosts import host

_PAGE = {"size": "1G", "count": 1}


def spec(**tables: Any) -> HostSpec:
    """A whole spec from its tables."""
    return HostSpec.model_validate({"version": 1, **tables})


# rule -> tables, and a part of what the spec's own check says
WRONG_ANYWHERE: dict[str, tuple[dict[str, Any], str]] = {
    "isolated CPUs required": (
        {"cpu": {"nohz_full": True}},
        "true stands for cpu.isolated, which is not declared",
    ),
    "reserved CPUs can not be empty": ({"cpu": {"reserved": ""}}, "expected a CPU list"),
    "isolated CPUs can not be empty": ({"cpu": {"isolated": ","}}, "expected a CPU list"),
    "a CPU list that cannot be read": (
        {"cpu": {"isolated": "7-2"}},
        "has a range that goes down (7-2): write 2-7",
    ),
    "pages of one size twice, without a node": (
        {"hugepages": {"pages": [_PAGE, _PAGE]}},
        "pages of 1G are in hugepages.pages[0] too",
    ),
    "pages of one size twice on one node": (
        {"hugepages": {"pages": [{**_PAGE, "node": 1}, {**_PAGE, "node": 1}]}},
        "pages of 1G on node 1 are in hugepages.pages[0] too",
    ),
    "device queues without reserved CPUs": (
        {"cpu": {"irq_affinity": True}},
        "needs cpu.reserved (or cpu.isolated), which is not declared",
    ),
    "a vendor or device id of the wrong form": (
        {"device": [{"name": "nic", "id": "0x8086"}]},
        "expected vendor and device id",
    ),
    "an unknown NUMA policy": (
        {"vm": [{"name": "a", "memory": {"numatune": {"mode": "single", "nodeset": "0"}}}]},
        "strict",
    ),
}


@pytest.mark.parametrize("rule", WRONG_ANYWHERE)
def test_rules_that_need_no_host(rule: str) -> None:
    tables, words = WRONG_ANYWHERE[rule]
    with pytest.raises(ValidationError) as error:
        spec(**tables)
    assert words in str(error.value)


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
