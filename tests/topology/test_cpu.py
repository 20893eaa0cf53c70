"""CPUs: odd kernels, offline CPUs, hybrid cores and large machines."""

from __future__ import annotations

import pytest

from backends.topology.cpu import observe_cpus
from specs.values import CpuSet
from tests.topology.maps import CPU, MapReader, machine


def test_threads_cores_and_sockets() -> None:
    state = observe_cpus(MapReader(machine(nodes=2, cores=2, threads=2)))
    last = state.cpus[7]
    assert (last.number, last.node, last.socket, last.core, last.die) == (7, 1, 1, 1, 0)
    assert last.siblings == CpuSet((3, 7))
    assert last.l3 == last.package == CpuSet((2, 3, 6, 7))
    assert state.smt_active is True
    assert state.smt_control == "on"
    assert state.kernel_max == 8191


def test_identity_is_that_of_the_first_cpu_and_only_what_matters() -> None:
    state = observe_cpus(MapReader(machine()))
    assert state.vendor == "GenuineIntel"
    assert state.flags == {"vmx", "pse", "pdpe1gb"}


@pytest.mark.parametrize(
    ("text", "cpus"),
    [("(null)\n", ()), ("\n", ()), ("2-3\n", (2, 3)), ("2-3\n\0", (2, 3))],
)
def test_nohz_full_that_is_set_or_never_was(text: str, cpus: tuple[int, ...]) -> None:
    files = machine() | {f"{CPU}/nohz_full": text}
    assert observe_cpus(MapReader(files)).nohz_full == CpuSet(cpus)


def test_a_kernel_without_nohz_full_is_told_from_one_that_does_not_use_it() -> None:
    files = machine()
    del files[f"{CPU}/nohz_full"]
    assert observe_cpus(MapReader(files)).nohz_full is None


def test_offline_cpus_are_present_but_not_among_the_online_ones() -> None:
    files = machine(nodes=1, cores=2, threads=2)
    files[f"{CPU}/online"] = "0-2\n"
    files[f"{CPU}/possible"] = "0-127\n"
    files = {p: t for p, t in files.items() if not p.startswith(f"{CPU}/cpu3/")}
    files[f"{CPU}/cpu1/topology/thread_siblings_list"] = "1\n"
    state = observe_cpus(MapReader(files))
    assert state.offline == CpuSet((3,))
    assert [c.number for c in state.cpus] == [0, 1, 2]
    assert state.cpus[1].siblings == CpuSet((1,))


def test_hybrid_cores_are_told_apart() -> None:
    files = machine(nodes=1, cores=4, threads=1)
    files |= {"/sys/devices/cpu_core/cpus": "0-1\n", "/sys/devices/cpu_atom/cpus": "2-3\n"}
    kinds = [c.kind for c in observe_cpus(MapReader(files)).cpus]
    assert kinds == ["cpu_core", "cpu_core", "cpu_atom", "cpu_atom"]


def test_masks_stand_in_for_lists_that_an_old_kernel_lacks() -> None:
    files = machine(nodes=1, cores=2, threads=2)
    for cpu in range(4):
        base = f"{CPU}/cpu{cpu}/topology"
        del files[f"{base}/thread_siblings_list"]
        files[f"{base}/thread_siblings"] = "00000000,0000000a\n" if cpu % 2 else "0,5\n"
    siblings = [c.siblings for c in observe_cpus(MapReader(files)).cpus]
    assert siblings == [CpuSet((0, 2)), CpuSet((1, 3))] * 2


def test_without_topology_every_cpu_is_its_own_core() -> None:
    state = observe_cpus(MapReader({f"{CPU}/online": "0-1\n"}))
    assert [c.siblings for c in state.cpus] == [CpuSet((0,)), CpuSet((1,))]
    assert [(c.node, c.socket, c.core, c.l3) for c in state.cpus] == [(None,) * 4] * 2
    assert state.present == state.possible == state.online


def test_sets_by_their_new_names() -> None:
    files = {f"{CPU}/online": "0-3\n"}
    for cpu in range(4):
        base = f"{CPU}/cpu{cpu}/topology"
        files[f"{base}/core_cpus_list"] = "0,2\n" if cpu % 2 == 0 else "1,3\n"
        files[f"{base}/package_cpus_list"] = "0-3\n"
    state = observe_cpus(MapReader(files))
    assert [c.siblings for c in state.cpus] == [CpuSet((0, 2)), CpuSet((1, 3))] * 2
    assert {c.package for c in state.cpus} == {CpuSet(range(4))}


def test_ids_without_sets_make_the_sets() -> None:
    files = {f"{CPU}/online": "0-7\n"}
    for cpu in range(8):
        base = f"{CPU}/cpu{cpu}/topology"
        files[f"{base}/physical_package_id"] = f"{cpu % 4 // 2}\n"
        files[f"{base}/core_id"] = f"{cpu % 2}\n"
    state = observe_cpus(MapReader(files))
    assert [c.siblings for c in state.cpus[:4]] == [CpuSet((n, n + 4)) for n in range(4)]
    assert state.cpus[1].package == CpuSet((0, 1, 4, 5))
    del files[f"{CPU}/cpu5/topology/core_id"]
    assert observe_cpus(MapReader(files)).cpus[1].siblings == CpuSet((1,))


def test_without_sysfs_the_cpus_are_those_of_cpuinfo() -> None:
    block = "processor\t: {}\nvendor_id\t: GenuineIntel\nphysical id\t: 0\ncore id\t\t: {}\n\n"
    text = "".join(block.format(n, n % 2) for n in range(4))
    state = observe_cpus(MapReader({"/proc/cpuinfo": text}))
    assert state.online == state.present == state.possible == CpuSet(range(4))
    assert [c.siblings for c in state.cpus] == [CpuSet((n % 2, n % 2 + 2)) for n in range(4)]
    with_list = {"/proc/cpuinfo": text, "/sys/devices/system/cpu/online": "0-1\n"}
    assert observe_cpus(MapReader(with_list)).online == CpuSet(range(2))


def test_unknown_ids_of_a_board_without_tables_are_none() -> None:
    files = machine(nodes=1, cores=1, threads=1)
    files[f"{CPU}/cpu0/topology/physical_package_id"] = "-1\n"
    assert observe_cpus(MapReader(files)).cpus[0].socket is None


def test_two_thousand_cpus_cost_reads_in_proportion_to_cores() -> None:
    reader = MapReader(machine(nodes=8, cores=128, threads=2))
    state = observe_cpus(reader)
    assert len(state.cpus) == 2048
    assert state.cpus[2047].siblings == CpuSet((1023, 2047))
    assert len(reader.reads) < 5 * 1024
    assert len(set(reader.reads)) == len(reader.reads), "no file is read twice"
