"""Trees and captures that say what no kernel says, or next to nothing."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.topology.cpu import observe_cpus
from backends.topology.irq import observe_irqs
from backends.topology.memory import observe_memory
from backends.topology.numa import StrangeFile
from backends.topology.systemd import observe_systemd
from backends.topology.tuned import observe_tuned
from specs.values import CpuSet
from tests.topology.maps import CPU, NODES, MapReader, machine

IRQ = "/proc/irq/24/smp_affinity_list"
_READ = [
    f"{CPU}/online",
    f"{CPU}/present",
    f"{CPU}/isolated",
    f"{CPU}/nohz_full",
    f"{CPU}/kernel_max",
    f"{CPU}/smt/active",
    f"{CPU}/cpu0/topology/core_id",
    f"{CPU}/cpu0/topology/thread_siblings_list",
    f"{CPU}/cpu0/cache/index3/shared_cpu_list",
    f"{NODES}/node0/cpulist",
    f"{NODES}/node0/distance",
    f"{NODES}/node0/meminfo",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/mounts",
    "/proc/irq/default_smp_affinity",
    "/proc/irq/24/affinity_hint",
    IRQ,
    "/etc/default/irqbalance",
    "/etc/tuned/bootcmdline",
    "/etc/tuned/active_profile",
    "/etc/systemd/system/system.slice.d/x.conf",
    "/sys/fs/cgroup/system.slice/cpuset.cpus",
    "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages",
]


def look(files: dict[str, str]) -> None:
    """Everything that is observed of CPUs, memory and who places work."""
    reader = MapReader(files)
    for observe in (observe_cpus, observe_memory, observe_irqs, observe_systemd, observe_tuned):
        observe(reader)


@pytest.mark.parametrize("path", [f"{CPU}/online", f"{NODES}/node0/cpulist", IRQ])
def test_a_damaged_file_is_named(path: str) -> None:
    with pytest.raises(StrangeFile) as error:
        look(machine() | {path: "no list\n"})
    assert error.value.where == path
    assert error.value.exit_code == 3
    assert "no list" in error.value.message


@given(st.sampled_from(_READ), st.text(max_size=20))
def test_no_text_in_any_file_is_a_traceback(path: str, text: str) -> None:
    with contextlib.suppress(StrangeFile):
        look(machine() | {path: text})


@given(st.sets(st.sampled_from(sorted({*machine(nodes=1, cores=2), *_READ}))))
def test_any_file_may_be_missing(gone: set[str]) -> None:
    files = machine(nodes=1, cores=2) | {IRQ: "0-3\n", "/proc/irq/default_smp_affinity": "f\n"}
    look({path: text for path, text in files.items() if path not in gone})


def test_what_nobody_says_is_not_taken_for_nothing() -> None:
    """Room is what there is at most, and a kernel is not called one without nohz_full."""
    sparse = MapReader({f"{CPU}/online": "0-3\n", "/proc/meminfo": "MemTotal: 8000 kB\n"})
    assert observe_memory(sparse).available_kib == 8000
    assert observe_cpus(sparse).nohz_full == CpuSet()
    nodes = {f"{NODES}/node{n}/meminfo": f"Node {n} MemTotal: 500 kB\n" for n in (0, 1)}
    memory = observe_memory(MapReader(nodes))
    assert (memory.total_kib, memory.available_kib, memory.memory_nodes) == (1000, 1000, (0, 1))
    assert [n.available_kib for n in memory.nodes] == [500, 500]
    silent = observe_memory(MapReader({f"{NODES}/node3/cpulist": "0\n"}))
    assert silent.memory_nodes == (3,)


def test_a_node_gives_back_its_page_cache() -> None:
    text = (
        "Node 0 MemTotal: 1000 kB\nNode 0 MemFree: 100 kB\nNode 0 Active(file): 200 kB\n"
        "Node 0 Inactive(file): 300 kB\nNode 0 SReclaimable: 50 kB\nNode 0 Active(anon): 350 kB\n"
    )
    (node,) = observe_memory(MapReader({f"{NODES}/node0/meminfo": text})).nodes
    assert (node.free_kib, node.available_kib) == (100, 650)


@pytest.mark.parametrize(("text", "banned"), [("", None), ("1,foo", CpuSet()), ("1-2", "1-2")])
def test_what_irqbalance_makes_of_a_list_is_relied_on_no_further(
    text: str, banned: CpuSet | str | None
) -> None:
    files = {"/etc/default/irqbalance": f"IRQBALANCE_BANNED_CPULIST={text}\n"}
    found = observe_irqs(MapReader(files)).irqbalance.banned
    assert found == (CpuSet.parse(banned) if isinstance(banned, str) else banned)
