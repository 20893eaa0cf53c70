"""CpuSet against the kernel's own parser: a model of it, and the kernel that runs here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from specs.values import CpuSet
from tests.topology.parselist import Rejected, parselist

_NUMBERS = st.one_of(st.integers(0, 40).map(str), st.just("N"), st.just("007"))
_RANGE = st.one_of(st.just("all"), st.just("ALL"), st.tuples(_NUMBERS, _NUMBERS).map("-".join))
_STRIDE = st.tuples(_RANGE, _NUMBERS, _NUMBERS).map(lambda t: f"{t[0]}:{t[1]}/{t[2]}")
_REGION = st.one_of(_NUMBERS, _RANGE, _STRIDE)
LISTS = st.lists(_REGION, max_size=5).flatmap(
    lambda parts: st.sampled_from([",", ", ", " ", ",,"]).map(lambda s: s.join(parts))
)
SOUP = st.text(st.sampled_from("0123N-:/, alALx"), max_size=12)


def _kernel(text: str, bits: int) -> frozenset[int] | None:
    try:
        return parselist(text, bits)
    except Rejected:
        return None


def _ours(text: str, bits: int) -> frozenset[int] | None:
    """None where it is refused; a CPU beyond the last one is the kernel's error, our finding."""
    try:
        cpus = frozenset(CpuSet.parse(text, last=bits - 1))
    except ValueError:
        return None
    return cpus


@given(LISTS, st.integers(1, 40))
@example("0-3:1/2", 8)
@example("0-8:2/3", 8)
@example("5-2", 8)
@example("all:1/2,N", 8)
def test_every_well_formed_list_means_what_it_means_to_the_kernel(text: str, bits: int) -> None:
    kernel, ours = _kernel(text, bits), _ours(text, bits)
    if kernel is not None:
        assert ours == kernel
    elif ours is not None:
        # The kernel drops the whole list for one CPU that it has not; we name the CPU.
        assert any(int(n) >= bits for n in _all_numbers(text))


def _all_numbers(text: str) -> list[str]:
    words = "".join(c if c.isdecimal() else " " for c in text).split()
    return words or ["0"]


@given(SOUP)
@example("3:1/2")
@example("0-3:1/2:1/2")
@example("-1")
def test_what_we_accept_the_kernel_accepts(text: str) -> None:
    ours = _ours(text, 64)
    if ours is not None and all(cpu < 64 for cpu in ours):
        assert _kernel(text, 64) == ours


@given(st.sets(st.integers(0, 300)))
def test_what_we_print_is_what_the_kernel_reads(cpus: set[int]) -> None:
    assert _kernel(str(CpuSet(cpus)), 301) == frozenset(cpus)


@pytest.fixture(scope="module")
def cpuset() -> Iterator[Path]:
    """A cpuset of our own, for its parser: writing ``cpuset.cpus`` there moves nobody."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    base = next((Path(m[1]) for m in mounts if m[2] == "cgroup" and "cpuset" in m[3]), None)
    if base is None:
        pytest.skip("no version 1 cpuset hierarchy on this machine")
    folder = base / f"reconcile-test-{os.getpid()}"
    folder.mkdir()
    try:
        yield folder / "cpuset.cpus"
    finally:
        folder.rmdir()


@pytest.mark.kernel
@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=st.one_of(LISTS, SOUP))
@example(text="3:1/2")
@example(text="0-1:1/2N")
def test_the_model_is_the_kernel_that_runs_here(cpuset: Path, text: str) -> None:
    possible = CpuSet.parse(Path("/sys/devices/system/cpu/possible").read_text().strip())
    model = _kernel(text, max(possible) + 1)
    fd = os.open(cpuset, os.O_WRONLY)
    try:
        os.write(fd, text.encode() + b"\n")
        accepted = True
    except OSError:
        accepted = False
    finally:
        os.close(fd)
    assert accepted == (model is not None), text
    if model is not None:
        assert frozenset(CpuSet.parse(cpuset.read_text().strip())) == model
