"""Kernel arguments from [hugepages]."""

from __future__ import annotations

import pytest

from reconciler.budget.pages import block_meaning, boot_targets, hugepage_args
from specs.values import PageSize
from tests.budget.hosts import pages_table

_1G, _2M = {"size": "1G", "count": 16}, {"size": "2M", "count": 512, "boot": True}
_NODES = ({"size": "1G", "count": 8, "node": 1}, {"size": "1G", "count": 4, "node": 0})
TWO_M = PageSize.parse("2M")


def args(*pages: dict[str, object], release: str = "6.1.0-18-amd64", **keys: object) -> list[str]:
    return [wish.arg for wish in hugepage_args(pages_table(*pages, **keys), release)]


def test_the_default_size_comes_first_and_each_count_after_its_size() -> None:
    assert args(_2M, _1G, default_size="1G") == [
        "default_hugepagesz=1G",
        "hugepagesz=2M",
        "hugepages=512",
        "hugepagesz=1G",
        "hugepages=16",
    ]


def test_nodes_are_one_argument_in_the_order_of_their_numbers() -> None:
    assert args(*_NODES) == ["hugepagesz=1G", "hugepages=0:4,1:8"]


def test_an_argument_of_several_pools_names_them_all() -> None:
    table = pages_table(*_NODES, default_size="1G")
    all_pools = "hugepages.pages[0], hugepages.pages[1]"
    wishes = hugepage_args(table, "6.1")
    assert [w.because for w in wishes] == ["hugepages.default_size", all_pools, all_pools]
    written = ["default_hugepagesz=1G", "hugepages=0:4,1:8"]
    (one,) = {w.because for w in hugepage_args(table, "6.1", written)}
    assert one == f"hugepages.default_size, {all_pools}"


@pytest.mark.parametrize(
    ("release", "known"),
    [("5.15.0-generic", False), ("5.16.0", True), ("6.1", True), ("", True), ("odd", True)],
)
def test_the_node_form_is_for_kernels_that_know_it(release: str, known: bool) -> None:
    assert bool(args(*_NODES, release=release)) == known
    assert len(boot_targets(pages_table(*_NODES, _2M), release)) == (3 if known else 1)


def test_small_pages_are_not_reserved_at_boot_unless_asked_for() -> None:
    assert args({"size": "2M", "count": 4}) == []


@pytest.mark.parametrize(
    ("present", "pages", "keys"),
    [
        (["default_hugepagesz=1G", "hugepages=16"], [_1G], {"default_size": "1G"}),
        (["hugepages=512"], [_2M], {}),
        (["hugepagesz=1024M", "hugepages=16", "hugepagesz=2M", "hugepages=512"], [_2M, _1G], {}),
    ],
)
def test_a_block_that_means_the_same_is_kept_as_it_is(
    present: list[str], pages: list[dict[str, object]], keys: dict[str, str]
) -> None:
    table = pages_table(*pages, **keys)
    wishes = hugepage_args(table, "6.1", ["quiet", *present, "ro"], TWO_M)
    assert [w.arg for w in wishes] == present


@pytest.mark.parametrize(
    "words",
    [
        ["hugepages=4"],
        ["hugepagesz=2M", "hugepages=1", "hugepages=2"],
        ["hugepagesz=x", "hugepages=1"],
        ["default_hugepagesz=1G", "default_hugepagesz=2M"],
    ],
)
def test_a_block_of_which_the_kernel_drops_a_part_means_nothing(words: list[str]) -> None:
    assert block_meaning(words) is None
