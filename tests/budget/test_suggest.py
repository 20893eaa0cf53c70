"""Suggested pins and sets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backends.topology.cpu import CpuState, observe_cpus
from backends.topology.memory import MemoryState, observe_memory
from reconciler.budget.board import Advice
from reconciler.budget.sets import cores, nodes_of
from reconciler.budget.suggest import pins_near, suggest_isolated, suggest_pins
from reconciler.budget.vm_checks import vm_findings
from specs.values import CpuSet
from tests.budget.hosts import asked, board, host, vm
from tests.topology.maps import CPU, NODES, MapReader, machine

ALL = CpuSet(range(16))


def test_threads_of_a_core_stand_side_by_side_on_the_node_asked_for() -> None:
    cpus, memory = host()
    assert suggest_pins(4, ALL, [1], cpus, memory) == (4, 12, 5, 13)


def test_the_next_node_is_used_when_the_near_one_is_full() -> None:
    cpus, memory = host()
    chosen = suggest_pins(10, ALL - CpuSet((4, 12)), [1], cpus, memory)
    assert set(chosen[:6]) == {5, 6, 7, 13, 14, 15}
    assert nodes_of(CpuSet(chosen[6:]), cpus) == {0}


def test_the_nearest_of_several_nodes_comes_second() -> None:
    files = machine(nodes=3, cores=1, threads=1)
    files[f"{NODES}/node1/distance"] = "30 10 12\n"
    reader = MapReader(files)
    cpus, memory = observe_cpus(reader), observe_memory(reader)
    assert suggest_pins(2, CpuSet(range(3)), [0], cpus, memory) == (0, 2)


def test_one_cache_is_preferred_when_it_is_large_enough() -> None:
    files = machine(nodes=1, cores=6, threads=1)
    for cpu, share in {0: "0-1", 1: "0-1", 2: "2-5", 3: "2-5", 4: "2-5", 5: "2-5"}.items():
        files[f"{CPU}/cpu{cpu}/cache/index3/shared_cpu_list"] = share
    reader = MapReader(files)
    cpus, memory = observe_cpus(reader), observe_memory(reader)
    assert suggest_pins(3, CpuSet(range(6)), [], cpus, memory) == (2, 3, 4)
    assert suggest_pins(2, CpuSet(range(6)), [], cpus, memory) == (0, 1)


def test_a_level_2_cache_counts_where_there_is_no_other() -> None:
    files = machine(nodes=1, cores=4, threads=1)
    for cpu in range(4):
        del files[f"{CPU}/cpu{cpu}/cache/index3/level"]
        files[f"{CPU}/cpu{cpu}/cache/index2/level"] = "2\n"
        files[f"{CPU}/cpu{cpu}/cache/index2/shared_cpu_list"] = "1,3\n" if cpu % 2 else "0,2\n"
    reader = MapReader(files)
    cpus, memory = observe_cpus(reader), observe_memory(reader)
    assert suggest_pins(2, CpuSet(range(4)), [0], cpus, memory) == (0, 2)


def hybrid() -> tuple[CpuState, MemoryState]:
    """Four fast cores of two threads (0-3 with 4-7) and four slow ones (8-11) in one cache."""
    files = machine(nodes=1, cores=4, threads=2)
    for cpu in range(8, 12):
        files[f"{CPU}/cpu{cpu}/topology/thread_siblings_list"] = f"{cpu}\n"
        files[f"{CPU}/cpu{cpu}/cache/index3/level"] = "3\n"
    for cpu in range(12):
        files[f"{CPU}/cpu{cpu}/cache/index3/shared_cpu_list"] = "0-11\n"
    files |= {f"{CPU}/{name}": "0-11\n" for name in ("online", "present", "possible")}
    files[f"{NODES}/node0/cpulist"] = "0-11\n"
    files |= {"/sys/devices/cpu_core/cpus": "0-7\n", "/sys/devices/cpu_atom/cpus": "8-11\n"}
    reader = MapReader(files)
    return observe_cpus(reader), observe_memory(reader)


def test_fast_and_slow_cores_are_not_mixed_while_one_kind_is_enough() -> None:
    cpus, memory = hybrid()
    everything = CpuSet(range(12))
    assert suggest_pins(4, everything, [0], cpus, memory) == (0, 4, 1, 5)
    assert suggest_pins(4, everything - CpuSet((0, 1, 2, 4, 5, 6)), [0], cpus, memory) == (
        8,
        9,
        10,
        11,
    )
    assert suggest_pins(9, everything, [0], cpus, memory) == (0, 4, 1, 5, 2, 6, 3, 7, 8)


def test_the_host_keeps_a_slow_core_rather_than_a_second_fast_one() -> None:
    cpus, memory = hybrid()
    assert suggest_isolated(cpus) == (CpuSet((1, 2, 3, 5, 6, 7, 9, 10, 11)), CpuSet((0, 4, 8)))
    assert pins_near(8, 0, cpus, memory) == (1, 5, 2, 6, 3, 7, 9, 10)


def test_pins_near_a_node_leave_the_host_its_cores() -> None:
    cpus, memory = host()
    assert pins_near(8, 1, cpus, memory) == (5, 13, 6, 14, 7, 15)
    assert pins_near(4, None, cpus, memory) == (1, 9, 2, 10)
    tiny, memory = host(nodes=1, cores=2, threads=1)
    assert pins_near(8, 0, tiny, memory) == ()


def test_an_odd_number_takes_one_thread_of_the_last_core() -> None:
    cpus, memory = host()
    assert suggest_pins(3, ALL, [0], cpus, memory) == (0, 8, 1)


def test_too_few_cpus_give_no_suggestion() -> None:
    cpus, memory = host()
    assert suggest_pins(17, ALL, [0], cpus, memory) == ()
    assert suggest_pins(2, CpuSet((99, 98)), [0], cpus, memory) == ()


@given(st.sets(st.integers(0, 15)), st.integers(0, 16), st.sampled_from([(), (0,), (1,), (0, 1)]))
def test_a_suggestion_is_usable_local_and_whole_where_that_is_possible(
    usable: set[int], count: int, near: tuple[int, ...]
) -> None:
    cpus, memory = host()
    allowed = CpuSet(usable)
    chosen = suggest_pins(count, allowed, near, cpus, memory)
    assert len(chosen) == (count if count <= len(allowed) else 0)
    assert len(set(chosen)) == len(chosen)
    assert CpuSet(chosen) <= allowed
    local = CpuSet(c.number for c in cpus.cpus if not near or c.node in near) & allowed
    if count <= len(local):
        assert CpuSet(chosen) <= local
        whole = [core for core in cores(cpus) if core <= local]
        if count % 2 == 0 and count <= 2 * len(whole):
            assert all(core <= CpuSet(chosen) for core in whole if core & CpuSet(chosen))
    else:
        assert not chosen or local <= CpuSet(chosen)


def test_the_host_keeps_a_core_of_every_node_and_two_at_least() -> None:
    two_nodes, _ = host()
    assert suggest_isolated(two_nodes) == (ALL - CpuSet((0, 8, 4, 12)), CpuSet((0, 8, 4, 12)))
    one_node, _ = host(nodes=1, cores=4, threads=2)
    assert suggest_isolated(one_node) == (CpuSet((2, 3, 6, 7)), CpuSet((0, 1, 4, 5)))
    small, _ = host(nodes=1, cores=2, threads=1)
    assert suggest_isolated(small) == (CpuSet(), CpuSet())


_VMS = st.lists(st.tuples(st.sampled_from([2, 4, 6]), st.sampled_from([0, 1])), max_size=5)


@given(_VMS)
def test_what_is_advised_has_no_finding_once_it_is_written_down(
    wanted: list[tuple[int, int]],
) -> None:
    """Several VMs of whole cores, each with a device: pins on CPUs of their own, none shared, no
    core split; remote only where the node of the device had not enough left."""
    here = board("1-7,9-15", "0,8")
    nodes = {f"d{i}": node for i, (_, node) in enumerate(wanted)}
    vms = [vm(f"v{i}", vcpu=n, devices=[f"d{i}"]) for i, (n, _) in enumerate(wanted)]
    demands = asked(*vms, **nodes)
    advice = Advice(demands, here)
    pins = [advice.pins(one) for one in demands]
    sure = [i for i, chosen in enumerate(pins) if chosen]
    written = [vm(f"v{i}", map(str, pins[i]), devices=[f"d{i}"]) for i in sure]
    found = list(vm_findings(asked(*written, **nodes), here))
    assert {f.code for f in found} <= {"numa-remote", "isolated-unused"}
    assert sum(len(pins[i]) for i in sure) <= 14
    for node, room in ((0, 6), (1, 8)):
        if sum(n for n, at in wanted if at == node) <= room and {at for _, at in wanted} <= {node}:
            assert "numa-remote" not in {f.code for f in found}
