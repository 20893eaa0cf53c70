"""The arguments of running hosts in a spec's words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.topology.memory import observe_memory
from reconciler.budget.cpu_args import cpu_args
from reconciler.budget.describe import describe_cpu, describe_hugepages
from reconciler.budget.pages import hugepage_args
from specs.cpu import Cpu
from specs.hugepages import Hugepages
from specs.values import CpuSet
from tests.budget.hosts import host
from tests.topology.maps import MapReader, machine

CPUS, MEMORY = host()
MOUNTS = (
    "none /dev/hugepages hugetlbfs rw,pagesize=2M 0 0\nnone /mnt/1g hugetlbfs rw,pagesize=1G 0 0\n"
)
MOUNTED = observe_memory(MapReader(machine() | {"/proc/mounts": MOUNTS}))


def test_isolation_in_the_words_of_a_spec() -> None:
    words = ("quiet", "isolcpus=2,3", "nohz-full=2-3", "rcu_nocbs=3")
    found = describe_cpu(words, CPUS)
    assert found.table == {
        "isolated": "2-3",
        "isolation": ["domain"],
        "nohz_full": True,
        "rcu_nocbs": "3",
    }
    assert found.words == words[1:]


@pytest.mark.parametrize(
    "words",
    [("isolcpus=2-3", "isolcpus=4"), ("isolcpus=managed-irq,2",), ("rcu_nocbs",), ("quiet",)],
)
def test_what_a_table_cannot_say_is_left_as_it_is(words: tuple[str, ...]) -> None:
    assert describe_cpu(words, CPUS).words == ()


_CPUS = st.sets(st.integers(0, 15), min_size=1).map(lambda s: str(CpuSet(s)))
_FLAGS = st.lists(st.sampled_from(["domain", "managed_irq", "nohz"]), unique=True)
_ISOLCPUS = st.tuples(_FLAGS, _CPUS).map(lambda t: "isolcpus=" + ",".join([*t[0], t[1]]))
_OTHERS = [_CPUS.map(f"{name}={{}}".format) for name in ("nohz_full", "rcu_nocbs")]


@given(st.tuples(_ISOLCPUS, *_OTHERS).flatmap(lambda t: st.lists(st.sampled_from(t), unique=True)))
def test_planning_what_was_described_asks_for_the_same_words(words: list[str]) -> None:
    found = describe_cpu(words, CPUS)
    assert sorted(found.words) == sorted(words)
    args = [w.arg for w in cpu_args(Cpu.model_validate(found.table), CPUS, words)]
    assert sorted(args) == sorted(words)


@pytest.mark.parametrize(
    ("block", "pages"),
    [
        (("hugepages=512",), [{"size": "2M", "count": 512, "boot": True}]),
        (
            ("hugepagesz=1G", "hugepages=0:4,1:8"),
            [
                {"size": "1G", "count": 4, "boot": True, "node": 0},
                {"size": "1G", "count": 8, "boot": True, "node": 1},
            ],
        ),
    ],
)
def test_hugepages_in_the_words_of_a_spec(
    block: tuple[str, ...], pages: list[dict[str, object]]
) -> None:
    found = describe_hugepages(("ro", *block), MOUNTED, "6.1")
    assert found.table == {"pages": pages}
    first = MOUNTED.default_kib
    assert first == 2048
    wishes = hugepage_args(Hugepages.model_validate(found.table), "6.1", block, None)
    assert found.words == block
    assert wishes


@pytest.mark.parametrize(
    "block", [("hugepages=1", "hugepages=2"), ("hugepagesz=16M", "hugepages=1"), ()]
)
def test_a_block_that_is_not_followed_or_not_mounted_stays_arguments(
    block: tuple[str, ...],
) -> None:
    assert describe_hugepages(block, MOUNTED, "6.1").words == ()
