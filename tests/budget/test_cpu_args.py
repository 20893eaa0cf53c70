"""Kernel arguments from [cpu]."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.topology.cpu import observe_cpus
from reconciler.budget.cpu_args import cpu_args, meaning, split_flags
from specs.values import CpuSet
from tests.budget.hosts import cpu_table, host
from tests.topology.maps import MapReader


def args(present: tuple[str, ...] = (), **keys: Any) -> list[str]:
    cpus, _ = host()
    return [wish.arg for wish in cpu_args(cpu_table(**keys), cpus, present)]


def test_flags_come_before_the_list_and_lists_are_plain_ranges() -> None:
    assert args(
        isolated="2-7:1/2,10",
        nohz_full=True,
        rcu_nocbs="10",
        irq_affinity=True,
        reserved="0-1",
    ) == [
        "isolcpus=domain,managed_irq,2,4,6,10",
        "nohz_full=2,4,6,10",
        "rcu_nocbs=10",
        "irqaffinity=0-1",
    ]


def test_an_empty_table_asks_for_nothing() -> None:
    assert args() == []


def test_without_flags_there_is_no_isolcpus() -> None:
    assert args(isolated="2-3", isolation=[], nohz_full=True) == ["nohz_full=2-3"]


def test_reserved_is_what_is_not_isolated_unless_said() -> None:
    assert args(isolated="2-15", irq_affinity=True)[-1] == "irqaffinity=0-1"


def test_an_unknown_set_makes_no_argument() -> None:
    table = cpu_table(isolated="2-3", irq_affinity=True)
    nothing = observe_cpus(MapReader({}))
    assert [w.arg for w in cpu_args(table, nothing)] == ["isolcpus=domain,managed_irq,2-3"]


@pytest.mark.parametrize(
    ("word", "keys"),
    [
        ("isolcpus=2,3", {"isolated": "2-3", "isolation": ["domain"]}),
        ("isolcpus=managed_irq,domain,2-N", {"isolated": "2-15"}),
        ("isolcpus=domain,managed_irq,2-3,3", {"isolated": "2-3"}),
    ],
)
def test_the_same_in_other_words_is_kept(word: str, keys: dict[str, Any]) -> None:
    assert args(("quiet", word), **keys) == [word]


@pytest.mark.parametrize("word", ["isolcpus=2-3", "isolcpus=nohz,2-3", "isolcpus=managed-irq,2-3"])
def test_what_means_something_else_is_not_taken_for_the_same(word: str) -> None:
    assert args((word,), isolated="2-3") == ["isolcpus=domain,managed_irq,2-3"]


@given(
    st.lists(st.sampled_from(["nohz", "domain", "managed_irq"]), unique=True),
    st.sets(st.integers(0, 200), min_size=1),
)
def test_flags_and_list_come_apart_again(flags: list[str], cpus: set[int]) -> None:
    value = ",".join([*flags, str(CpuSet(cpus))])
    assert split_flags(value) == (tuple(flags) or ("domain",), str(CpuSet(cpus)))
    expected = ("isolcpus", frozenset(flags or ["domain"]), CpuSet(cpus))
    assert meaning(f"isolcpus={value}", 7) == expected


@given(st.text())
def test_no_word_breaks_it(text: str) -> None:
    meaning(f"isolcpus={text}", 7)
    meaning(text, None)
