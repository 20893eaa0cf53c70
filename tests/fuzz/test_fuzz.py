"""A short campaign against every parser, from a fixed seed, and every input that ever crashed one.
``python -m tests.fuzz`` goes on for as long as it is told."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from tests.fuzz.all import targets
from tests.fuzz.campaign import CRASHES, Campaign
from tests.fuzz.mutate import inputs
from tests.fuzz.records import a_home
from tests.fuzz.target import Target

_TRIES, _SLOW_TRIES = 300, 20


def names() -> list[str]:
    """Of every target."""
    with a_home() as home:
        return sorted(targets(Path(home)))


@pytest.fixture(scope="module")
def known() -> Iterator[dict[str, Target]]:
    """Every target."""
    with a_home() as home:
        yield targets(Path(home))


@pytest.mark.parametrize("name", names())
def test_nothing_crashes_a_parser(known: dict[str, Target], name: str) -> None:
    target = known[name]
    target.parse(target.seeds[0])  # a good input is no refusal
    drawn = inputs(target.seeds, random.Random(name))
    for data in islice(drawn, _SLOW_TRIES if target.slow else _TRIES):
        target.try_input(data)


@pytest.mark.parametrize("path", sorted(CRASHES.iterdir()), ids=lambda p: p.name)
def test_what_crashed_once_does_so_no_more(known: dict[str, Target], path: Path) -> None:
    known[path.name.rpartition(".")[0]].try_input(path.read_bytes())


def test_a_crash_is_seen(tmp_path: Path) -> None:
    """A test of the test."""

    def parse(data: bytes) -> int:
        return int(data)

    campaign = Campaign(Target("t", parse, [b"1"]), kept=tmp_path)
    campaign.try_all([b"1", b"x", b"y"])
    assert campaign.tried == 3
    assert len(campaign.found) == 1
    assert len(list(tmp_path.iterdir())) == 1
