"""What a real kernel makes of the arguments that a spec becomes, and of lists of CPUs."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from reconciler.budget.cpu_args import cpu_args
from reconciler.budget.pages import block_meaning, hugepage_args
from specs.spec import HostSpec
from specs.values import CpuSet
from tests.budget.hosts import host
from tests.lab import images, tiny
from tests.lab.conftest import Lab
from tests.topology.parselist import Rejected, parselist

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("boot-args")]

_SHOW = """
cd /sys/devices/system/cpu
for f in isolated nohz_full; do echo "$f $(cat $f)"; done
echo "irq $(cat /proc/irq/default_smp_affinity)"
grep Hugepagesize: /proc/meminfo
cd /sys/devices/system/node
for n in 0 1; do for s in 2048 1048576; do
    echo "$n $s $(cat node$n/hugepages/hugepages-${s}kB/nr_hugepages)"
done; done
"""
Found = dict[str, str]


@pytest.fixture(scope="module")
def kernel(lab: Lab) -> Path:
    """That of the lab's first image."""
    return images.ensure("grub-efi").direct.kernel


def booted(kernel: Path, work: Path, arguments: str) -> Found:
    """What /sys and /proc say after a boot with these arguments."""
    lines = tiny.run(kernel, work, arguments, _SHOW)
    return dict(_pair(line) for line in lines)


def _pair(line: str) -> tuple[str, str]:
    """``isolated 2-3`` or ``NODE KIB PAGES``."""
    key, _, value = line.rpartition(" ") if line[0].isdigit() else line.partition(" ")
    return key, value.strip()


def arguments(**tables: Any) -> str:
    """Those of a spec, on a machine like the guest."""
    spec = HostSpec.model_validate({"version": 1, **tables})
    cpus, _ = host(nodes=2, cores=2, threads=2)
    wishes = [*cpu_args(spec.cpu, cpus), *hugepage_args(spec.hugepages, "6.1.0")]
    return " ".join(wish.arg for wish in wishes)


def _pages(*pools: tuple[str, int, int | None], **keys: str) -> dict[str, Any]:
    named = ({"size": s, "count": c, "boot": True} | _at(n) for s, c, n in pools)
    return {"pages": list(named), **keys}


def _at(node: int | None) -> dict[str, int]:
    return {} if node is None else {"node": node}


_NONE = {f"{node} {size}": "0" for node in (0, 1) for size in (2048, 1048576)}
CASES: dict[str, tuple[dict[str, Any], Found]] = {
    "everything at once": (
        {
            "cpu": {
                "isolated": "2-3,6-7",
                "reserved": "0-1,4-5",
                "nohz_full": True,
                "rcu_nocbs": True,
                "irq_affinity": True,
            },
            "hugepages": _pages(
                ("2M", 16, 1), ("2M", 8, 0), ("1G", 1, 1), ("1G", 1, 0), default_size="1G"
            ),
        },
        {
            "isolated": "2-3,6-7",
            "nohz_full": "2-3,6-7",
            "irq": "33",
            "Hugepagesize:": "1048576 kB",
            "0 2048": "8",
            "1 2048": "16",
            "0 1048576": "1",
            "1 1048576": "1",
        },
    ),
    "strides, one flag, one node": (
        {
            "cpu": {"isolated": "2-7:1/2", "isolation": ["domain"], "nohz_full": "4"},
            "hugepages": _pages(("1G", 1, 1)),
        },
        {"isolated": "2,4,6", "nohz_full": "4", "irq": "ff", **_NONE, "1 1048576": "1"},
    ),
    "the boot CPU among the isolated ones; pages are spread": (
        {
            "cpu": {"isolated": "0-6", "nohz_full": True, "irq_affinity": True, "reserved": "7"},
            "hugepages": _pages(("2M", 64, None), ("1G", 2, None), default_size="2M"),
        },
        {
            "isolated": "0-6",
            "nohz_full": "1-6",
            "irq": "81",
            "Hugepagesize:": "2048 kB",
            "0 2048": "32",
            "1 2048": "32",
            "0 1048576": "1",
            "1 1048576": "1",
        },
    ),
    "without the domain flag nothing shows as isolated": (
        {"cpu": {"isolated": "2-3", "isolation": ["managed_irq"], "rcu_nocbs": True}},
        {"isolated": "", "nohz_full": "(null)", **_NONE},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_kernel_does_what_the_spec_says(name: str, kernel: Path, tmp_path: Path) -> None:
    tables, expected = CASES[name]
    found = booted(kernel, tmp_path, arguments(**tables))
    assert {key: found[key] for key in expected} == expected


# Blocks of which the kernel drops a part, and what it makes of them: the reason why a block is
# compared and replaced as a whole.
DROPPED = {
    "hugepagesz=2M hugepages=4 hugepages=8": {"0 2048": "2", "1 2048": "2"},
    "hugepagesz=2M hugepages=4 hugepagesz=2M hugepages=8": {"0 2048": "2", "1 2048": "2"},
    "hugepagesz=3M hugepages=4 hugepagesz=2M hugepages=6": {"0 2048": "3", "1 2048": "3"},
    "hugepagesz=2M hugepages=0:4,7:8": {"0 2048": "0", "1 2048": "0"},
}


@pytest.mark.parametrize("block", DROPPED)
def test_what_the_kernel_drops_is_not_taken_for_wanted(
    block: str, kernel: Path, tmp_path: Path
) -> None:
    found = booted(kernel, tmp_path, block)
    assert {key: found[key] for key in DROPPED[block]} == DROPPED[block]
    wanted = arguments(hugepages=_pages(("2M", 8, None))).split()
    assert block_meaning(block.split()) != block_meaning(wanted)


# -- lists

_BITS = 250  # more than a word, and no multiple of one
_PARSE = """
mount -t cgroup2 cgroup2 /sys/fs/cgroup
echo +cpuset >/sys/fs/cgroup/cgroup.subtree_control
mkdir /sys/fs/cgroup/x
f=/sys/fs/cgroup/x/cpuset.cpus
while IFS= read -r list; do
    if echo "$list" 2>/dev/null >$f; then IFS= read -r got <$f; echo "+$got"; else echo -; fi
done </lists
"""


def _lists(rnd: random.Random, count: int) -> list[str]:
    return [_list(rnd) for _ in range(count)]


def _list(rnd: random.Random) -> str:
    if rnd.random() < 0.3:
        return "".join(rnd.choice("0123N-:/, alALx9") for _ in range(rnd.randrange(1, 14)))
    return rnd.choice([",", ", ", " ", ",,"]).join(_region(rnd) for _ in range(rnd.randrange(1, 6)))


def _region(rnd: random.Random) -> str:
    if rnd.random() < 0.3:
        return _number(rnd, _BITS)
    ends = sorted((rnd.randrange(_BITS + 1), rnd.randrange(_BITS)), reverse=rnd.random() < 0.05)
    region = rnd.choice(["all", "ALL"]) if rnd.random() < 0.1 else f"{ends[0]}-{ends[1]}"
    return f"{region}:{_number(rnd, 7)}/{_number(rnd, 9)}" if rnd.random() < 0.5 else region


def _number(rnd: random.Random, below: int) -> str:
    odd = ["N", "007", "4294967296", str(_BITS)]
    return rnd.choice(odd) if rnd.random() < 0.1 else str(rnd.randrange(below))


def test_the_model_of_the_list_parser_is_the_kernel_with_many_cpus(
    kernel: Path, tmp_path: Path
) -> None:
    """The model that the property tests in tests/topology compare with, on other widths."""
    lists = _lists(random.Random(6), 3000)
    text = "".join(f"{one}\n" for one in lists)
    lines = tiny.run(kernel, tmp_path, "", _PARSE, files={"lists": text}, maxcpus=_BITS)
    answers = dict(zip(lists, lines, strict=True))
    assert answers == {one: _model(one) for one in lists}
    accepted = sum(line.startswith("+") for line in lines)
    assert accepted > len(lists) // 4, "too few of the lists are good ones"


def _model(text: str) -> str:
    try:
        return f"+{CpuSet(parselist(text, _BITS))}"
    except Rejected:
        return "-"
