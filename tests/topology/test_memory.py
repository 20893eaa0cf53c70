"""Memory, pools and mounts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backends.topology.memory import HugetlbMount, Pool, observe_memory, parse_meminfo, parse_mounts
from backends.topology.numa import node_numbers, read_distances
from tests.topology.maps import NODES, MapReader, machine

_POOL = "/sys/kernel/mm/hugepages/hugepages-2048kB"


def test_pools_of_the_host_and_of_each_node() -> None:
    files = machine(nodes=2)
    files[f"{_POOL}/nr_hugepages"] = "6\n"
    files[f"{_POOL}/free_hugepages"] = "4\n"
    files[f"{_POOL}/resv_hugepages"] = "1\n"
    files[f"{NODES}/node1/hugepages/hugepages-2048kB/nr_hugepages"] = "6\n"
    state = observe_memory(MapReader(files))
    assert state.sizes_kib == (2048, 1048576)
    assert state.pool(2048) == Pool(2048, None, total=6, free=4, surplus=0, reserved=1)
    assert state.pool(2048, node=1) == Pool(2048, 1, total=6, free=0, surplus=0, reserved=0)
    assert state.pool(65536) is None
    pool = state.pool(2048)
    assert pool is not None
    assert pool.in_use == 3  # two touched, one promised


def test_node_numbers_may_have_gaps_and_distances_follow_them() -> None:
    files = machine(nodes=1)
    files |= {f"{NODES}/node5/cpulist": "\n", f"{NODES}/node5/distance": "17 10\n"}
    files[f"{NODES}/node0/distance"] = "10 17\n"
    files[f"{NODES}/possible"] = "0-7\n"
    reader = MapReader(files)
    assert node_numbers(reader) == (0, 5)
    node = observe_memory(reader).node(5)
    assert node is not None
    assert (node.distance(0), node.distance(5), node.distance(1)) == (17, 10, None)
    assert not node.cpus


def test_a_distance_table_of_the_wrong_length_says_nothing() -> None:
    reader = MapReader({f"{NODES}/node0/distance": "10 20 30\n"})
    assert read_distances(reader, 0, (0, 1)) == {}


def test_what_moves_by_itself_is_marked() -> None:
    marked = set(Pool.VOLATILE)
    assert marked == {"free", "surplus", "reserved"}


def test_a_kernel_without_hugepages_or_numa() -> None:
    state = observe_memory(MapReader({"/proc/meminfo": "MemTotal: 100 kB\nMemFree: 7 kB\n"}))
    assert (state.total_kib, state.available_kib, state.default_kib) == (100, 7, None)
    assert (state.pools, state.nodes, state.node_pools, state.mounts) == ((), (), (), ())


def test_mounts_with_and_without_a_size() -> None:
    text = (
        "hugetlbfs /dev/hugepages hugetlbfs rw,relatime,pagesize=2M 0 0\n"
        "none /mnt/one\\040gig hugetlbfs rw,mode=1777,pagesize=1G 0 0\n"
        "none /mnt/bytes hugetlbfs rw,pagesize=2097152 0 0\n"
        "none /mnt/plain hugetlbfs rw 0 0\n"
        "tmpfs /hugetlbfs tmpfs rw 0 0\n"
        "broken\n"
    )
    assert parse_mounts(text, 2048) == (
        HugetlbMount("/dev/hugepages", 2048),
        HugetlbMount("/mnt/one gig", 1048576),
        HugetlbMount("/mnt/bytes", 2048),
        HugetlbMount("/mnt/plain", 2048),
    )
    assert HugetlbMount("/mnt/plain", 2048) not in parse_mounts(text, None)


def test_fields_with_brackets_and_node_prefix() -> None:
    text = "Node 1 MemTotal:       12 kB\nNode 1 Active(anon): 3 kB\nHugePages_Total:  9\njunk\n"
    assert parse_meminfo(text) == {"MemTotal": 12, "Active(anon)": 3, "HugePages_Total": 9}


@given(st.text())
def test_no_text_breaks_the_parsers(text: str) -> None:
    assert all(value >= 0 for value in parse_meminfo(text).values())
    assert all(mount.size_kib >= 0 for mount in parse_mounts(text, 2048))


_NAMES = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=12)


@given(st.dictionaries(_NAMES, st.integers(0, 2**53), max_size=8), st.sampled_from(["", "Node 3 "]))
def test_every_field_that_is_printed_is_read(fields: dict[str, int], prefix: str) -> None:
    text = "".join(f"{prefix}{name}:\t {value} kB\n" for name, value in fields.items())
    assert parse_meminfo(text) == fields
