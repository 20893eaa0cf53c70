"""Findings about [hugepages]."""

from __future__ import annotations

from typing import Any

from backends.topology.cpu import observe_cpus
from backends.topology.memory import observe_memory
from reconciler.budget.memory_checks import host_reserve_kib, memory_findings
from reconciler.model import Finding
from tests.budget.hosts import GIB, codes, host, pages_table
from tests.topology.maps import NODES, MapReader, machine


def found(*pages: dict[str, Any], default: str | None = None, **kind: Any) -> list[Finding]:
    cpus, memory = host(**kind)
    keys = {} if default is None else {"default_size": default}
    return list(memory_findings(pages_table(*pages, **keys), memory, cpus))


def test_what_fits_has_no_findings() -> None:
    pages = [{"size": "1G", "count": 50, "node": n} for n in (0, 1)]
    assert found(*pages, {"size": "2M", "count": 512}, default="1G") == []


def test_a_size_that_the_cpu_has_not() -> None:
    (size, default) = found({"size": "16M", "count": 1}, default="512M")
    assert codes([size, default]) == [
        "refuse hugepages-size hugepages.pages[0].size",
        "refuse hugepages-size hugepages.default_size",
    ]
    assert size.message == "this host has no huge pages of 16M"
    assert size.hint == "write one of 2M, 1G"


def test_the_flag_that_is_missing_is_named() -> None:
    files = machine(sizes_kib=[2048])
    files["/proc/cpuinfo"] = "vendor_id : GenuineIntel\nflags : pse vmx\n"
    reader = MapReader(files)
    table = pages_table({"size": "1G", "count": 1})
    (finding,) = memory_findings(table, observe_memory(reader), observe_cpus(reader))
    assert "(its CPU lacks pdpe1gb)" in finding.message


def test_more_than_the_host_has() -> None:
    (finding,) = found({"size": "1G", "count": 120})
    assert codes([finding]) == ["refuse hugepages-exceed-memory hugepages.pages[0]"]
    assert finding.message == (
        "120G of huge pages do not fit: the host has 128G and needs 12.8G of it itself"
    )
    assert finding.hint == "write count = 115 or less"


def test_what_several_declare_together_is_the_fault_of_all() -> None:
    (finding,) = found({"size": "1G", "count": 60}, {"size": "2M", "count": 30720})
    assert codes([finding]) == ["refuse hugepages-exceed-memory hugepages.pages"]


def test_pools_of_other_sizes_count_too() -> None:
    files = machine()
    files["/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"] = "10240\n"
    reader = MapReader(files)
    table = pages_table({"size": "1G", "count": 100})
    (finding,) = memory_findings(table, observe_memory(reader), observe_cpus(reader))
    assert "100G of huge pages besides 20G in pools of other sizes" in finding.message


def test_more_than_a_node_has() -> None:
    (finding,) = found({"size": "1G", "count": 62, "node": 1})
    assert codes([finding]) == ["refuse hugepages-exceed-memory hugepages.pages[0]"]
    assert finding.message == "62G of huge pages do not fit on node 1, which has 64G"
    assert finding.hint == "write count = 60 or less"


def test_pools_of_other_sizes_count_on_their_node_too() -> None:
    files = machine()
    files[f"{NODES}/node1/hugepages/hugepages-2048kB/nr_hugepages"] = "10240\n"
    reader = MapReader(files)
    pools = ({"size": "1G", "count": 45, "node": n} for n in (0, 1))
    (finding,) = memory_findings(pages_table(*pools), observe_memory(reader), observe_cpus(reader))
    assert "45G of huge pages besides 20G in pools of other sizes" in finding.message
    assert finding.where == "hugepages.pages[1]"
    assert finding.hint == "write count = 40 or less"


def test_sizes_of_an_x86_cpu_are_known_without_its_pools() -> None:
    table = pages_table({"size": "1G", "count": 1}, {"size": "32M", "count": 1})
    for flags, said in (("pse pdpe1gb", "write one of 2M, 1G"), ("pse", "write one of 2M")):
        reader = MapReader({"/proc/cpuinfo": f"vendor_id : x\nflags : {flags}\n"})
        findings = list(memory_findings(table, observe_memory(reader), observe_cpus(reader)))
        assert len(findings) == (1 if "1G" in said else 2)
        assert findings[-1].hint == said
        assert "pdpe1gb" not in findings[-1].message


def test_a_node_that_is_not_there_is_known_without_its_memory() -> None:
    reader = MapReader({f"{NODES}/node0/cpulist": "0-3\n"})
    table = pages_table({"size": "2M", "count": 1, "node": 1})
    findings = memory_findings(table, observe_memory(reader), observe_cpus(reader))
    assert codes(findings) == ["refuse hugepages-node hugepages.pages[0].node"]


def test_nodes_that_are_not_there_or_have_no_memory() -> None:
    files = machine()
    files[f"{NODES}/node1/meminfo"] = "Node 1 MemTotal: 0 kB\n"
    reader = MapReader(files)
    table = pages_table(*({"size": "1G", "count": 1, "node": n} for n in (0, 1, 5)))
    findings = list(memory_findings(table, observe_memory(reader), observe_cpus(reader)))
    assert codes(findings) == [
        "refuse hugepages-node hugepages.pages[1].node",
        "refuse hugepages-node hugepages.pages[2].node",
    ]
    assert findings[0].hint == "write node = 0, or take node out"


def test_where_no_memory_is_known_nothing_is_said() -> None:
    nothing = MapReader({})
    table = pages_table({"size": "1G", "count": 9999, "node": 7})
    assert not list(memory_findings(table, observe_memory(nothing), observe_cpus(nothing)))


def test_the_host_keeps_a_tenth_two_gib_or_a_quarter() -> None:
    assert host_reserve_kib(100 * GIB) == 10 * GIB
    assert host_reserve_kib(16 * GIB) == 2 * GIB
    assert host_reserve_kib(4 * GIB) == GIB
