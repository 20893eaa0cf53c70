"""The command line over trees that show next to nothing of a host: every code of CPUs, memory and
pins with its place and hint, nothing touched; then applied, applied again, and taken back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cli import run

CPU, NODES = "/sys/devices/system/cpu", "/sys/devices/system/node"
POOLS = "/sys/kernel/mm/hugepages"
DOMAIN = (
    "<domain type='kvm'><name>a</name><memory unit='GiB'>8</memory><vcpu>4</vcpu>"
    "<os><type arch='x86_64'>hvm</type></os></domain>"
)
Files = Mapping[str, str]


def cpus(last: int) -> Files:
    """Three files and nothing else."""
    return {f"{CPU}/{name}": f"0-{last}\n" for name in ("online", "present", "possible")}


def nodes(*lists: str, kib: int = 33554432) -> Files:
    """Nodes with their CPUs, memory and distances."""
    found: dict[str, str] = {}
    for node, cpulist in enumerate(lists):
        base = f"{NODES}/node{node}"
        distance = " ".join("10" if other == node else "21" for other in range(len(lists)))
        found |= {f"{base}/cpulist": f"{cpulist}\n", f"{base}/distance": f"{distance}\n"}
        found[f"{base}/meminfo"] = f"Node {node} MemTotal: {kib} kB\n"
    return found


def pools(*kib: int, under: str = POOLS, names: str = "nr free surplus resv") -> Files:
    """Empty pools."""
    paths = (f"{under}/hugepages-{k}kB/{name}_hugepages" for k in kib for name in names.split())
    return dict.fromkeys(paths, "0\n")


SMALL: Files = cpus(15)
SMT = {f"{CPU}/cpu{n}/topology/thread_siblings_list": f"{n % 8},{n % 8 + 8}\n" for n in range(16)}
TWO_NODES: Files = {**SMALL, **SMT, **nodes("0-3,8-11", "4-7,12-15")}
MEMORY: Files = {"/proc/meminfo": "MemTotal: 67108864 kB\n"}
GPU = {"vendor": "0x10de", "device": "0x2489", "class": "0x030000", "numa_node": "1"}
ON_NODE_1: Files = {f"/sys/bus/pci/devices/0000:01:00.0/{k}": f"{v}\n" for k, v in GPU.items()}


def cpu(isolated: str, reserved: str = "", **more: str) -> str:
    """``[cpu]`` that needs no kernel argument."""
    lines = {"isolated": f'"{isolated}"', "isolation": "[]", **more}
    lines |= {"reserved": f'"{reserved}"'} if reserved else {}
    return "[cpu]\n" + "".join(f"{key} = {value}\n" for key, value in lines.items())


def pages(size: str, count: int, node: int | None = None) -> str:
    """A pool that needs no kernel argument."""
    at = "" if node is None else f"node = {node}\n"
    return f'[[hugepages.pages]]\nsize = "{size}"\ncount = {count}\n{at}boot = false\n'


def vm(name: str, pins: str = "", memory: str = "", **more: str) -> str:
    """``[[vm]]`` with a definition of four vCPUs."""
    lines = {"name": f'"{name}"', "definition": '"a.xml"', **more}
    text = "[[vm]]\n" + "".join(f"{key} = {value}\n" for key, value in lines.items())
    text += f"[vm.cputune]\nvcpupin = {json.dumps(pins.split())}\n" if pins else ""
    return text + (f"[vm.memory]\n{memory}\n" if memory else "")


ISOLATED = cpu("2-7,10-15", "0-1,8-9")
PAGED = 'size = "16G"\nhugepages = "1G"'

# name -> tree, spec, then code, where, part of the message, part of the hint
REFUSED: dict[str, tuple[Files, str, str, str, str, str]] = {
    "beyond the last CPU": (
        SMALL,
        cpu("2-20"),
        "cpu-out-of-range",
        "cpu.isolated",
        "no CPUs 16-20; it has 0-15",
        'write isolated = "2-15"',
    ),
    "a stride beyond it": (
        cpus(12),
        cpu("1-15:2/4", "0"),
        "cpu-out-of-range",
        "cpu.isolated",
        "no CPUs 13-14",
        'write isolated = "1-2,5-6,9-10"',
    ),
    "only online is there": (
        {f"{CPU}/online": "0-3\n"},
        cpu("2-9"),
        "cpu-out-of-range",
        "cpu.isolated",
        "no CPUs 4-9",
        'write isolated = "2-3"',
    ),
    "reserved beyond": (
        cpus(3),
        cpu("2-3", "0-1,9"),
        "cpu-out-of-range",
        "cpu.reserved",
        "no CPU 9",
        'write reserved = "0-1"',
    ),
    "a pin beyond": (
        SMALL,
        vm("a", "2 77"),
        "cpu-out-of-range",
        "vm[0].cputune.vcpupin[1]",
        "no CPU 77",
        "name CPUs of this host",
    ),
    "no CPU is to be seen": (
        {},
        cpu("2-3", slices="true"),
        "cpu-out-of-range",
        "cpu.slices",
        "not known here",
        "declare cpu.reserved",
    ),
    "both isolated and reserved": (
        SMALL,
        cpu("2-7", "0-2"),
        "cpu-overlap",
        "cpu.reserved",
        "CPU 2 is both",
        'write reserved = "0-1"',
    ),
    "nothing for the host": (
        SMALL,
        cpu("0-15"),
        "cpu-no-housekeeping",
        "cpu.isolated",
        "all CPUs are isolated",
        'write isolated = "1-15" and reserved = "0"',
    ),
    "nothing online for the host": (
        {**cpus(7), f"{CPU}/online": "0-3\n"},
        cpu("0-3"),
        "cpu-no-housekeeping",
        "cpu.isolated",
        "all CPUs are isolated",
        'write isolated = "1-3"',
    ),
    "more pages than memory": (
        MEMORY,
        pages("1G", 60),
        "hugepages-exceed-memory",
        "hugepages.pages[0]",
        "60G of huge pages do not fit: the host has 64G and needs 6.4G",
        "write count = 57 or less",
    ),
    "more than a node has": (
        TWO_NODES,
        pages("1G", 31, 1),
        "hugepages-exceed-memory",
        "hugepages.pages[0]",
        "31G of huge pages do not fit on node 1, which has 32G",
        "write count = 30 or less",
    ),
    "more than the nodes have, without /proc/meminfo": (
        nodes("0-3", "4-7"),
        pages("2M", 30000),
        "hugepages-exceed-memory",
        "hugepages.pages[0]",
        "the host has 64G",
        "write count = 29491 or less",
    ),
    "more than is free now": (
        {"/proc/meminfo": "MemTotal: 67108864 kB\nMemFree: 8388608 kB\n", **pools(2048)},
        pages("2M", 4096),
        "hugepages-exceed-memory",
        "hugepages.pages[0]",
        "growing the pool of 2M now takes 8G",
        "write boot = true",
    ),
    "a node that is not there": (
        {f"{NODES}/node0/cpulist": "0-15\n"},
        pages("2M", 8, 1),
        "hugepages-node",
        "hugepages.pages[0].node",
        "NUMA node 1 has no memory; nodes with memory: 0",
        "write node = 0",
    ),
    "a size that is not there": (
        pools(2048),
        pages("1G", 1),
        "hugepages-size",
        "hugepages.pages[0].size",
        "no huge pages of 1G",
        "write one of 2M",
    ),
    "pages in use": (
        {**pools(2048), f"{POOLS}/hugepages-2048kB/nr_hugepages": "10\n"},
        pages("2M", 4),
        "hugepages-in-use",
        "hugepages.pages[0]",
        "10 pages of 2M are in use",
        "shut down",
    ),
    "a VM that wants more pages": (
        MEMORY,
        pages("1G", 4) + vm("a", "2", PAGED),
        "vm-exceeds-hugepages",
        "vm[0].memory",
        "a needs 16 huge pages of 1G for its 16G; there are 4",
        "write count = 16 for size 1G",
    ),
    "a VM that wants pages which nobody declared": (
        SMALL,
        vm("a", "2", PAGED),
        "vm-exceeds-hugepages",
        "vm[0].memory",
        "there are none",
        "write count = 16",
    ),
    "a VM that wants pages of another node": (
        TWO_NODES,
        pages("1G", 16, 0)
        + vm("a", "4", PAGED + '\nnumatune = { mode = "strict", nodeset = "1" }'),
        "vm-exceeds-hugepages",
        "vm[0].memory",
        "there are none on node 1",
        "write count = 16 for size 1G on node 1",
    ),
    "two VMs that start together": (
        MEMORY,
        pages("1G", 20)
        + vm("a", "2", PAGED, autostart="true")
        + vm("b", "3", PAGED, autostart="true"),
        "vm-exceeds-hugepages",
        "vm[1].memory",
        "a, b start with the host and need 32",
        "write count = 32",
    ),
    "memory of a node that is not there": (
        TWO_NODES,
        vm("a", "2", 'numatune = { mode = "strict", nodeset = "7" }'),
        "vm-numa-node",
        "vm[0].memory.numatune",
        "memory of node 7",
        'write nodeset = "0"',
    ),
}

WARNED: dict[str, tuple[Files, str, str, str, str, str]] = {
    "not pinned": (
        TWO_NODES,
        ISOLATED + vm("a"),
        "unpinned",
        "vm[0].cputune",
        "a is not pinned, while CPUs 2-7,10-15 are isolated: its threads run on the host's CPUs",
        'write vcpupin = ["2", "10", "3", "11"]',
    ),
    "not pinned, and the scheduler leaves isolated CPUs alone": (
        TWO_NODES,
        '[cpu]\nisolated = "2-7,10-15"\nreserved = "0-1,8-9"\n' + vm("a"),
        "unpinned",
        "vm[0].cputune",
        "the scheduler never uses those by itself",
        'write vcpupin = ["2", "10", "3", "11"]',
    ),
    "not pinned, and its device is elsewhere": (
        {**TWO_NODES, **ON_NODE_1},
        ISOLATED
        + '[[device]]\nname = "gpu"\naddress = "01:00.0"\nid = "10de:2489"\nbind = "vm"\n'
        + vm("a", devices='["gpu"]'),
        "unpinned",
        "vm[0].cputune",
        "a is not pinned",
        'write vcpupin = ["4", "12", "5", "13"]',
    ),
    "a device of another node": (
        {**TWO_NODES, **ON_NODE_1},
        '[[device]]\nname = "gpu"\naddress = "01:00.0"\nid = "10de:2489"\nbind = "vm"\n'
        + vm("a", "2 10 3 11", devices='["gpu"]'),
        "numa-remote",
        "vm[0]",
        "device gpu is on node 1, its vCPUs on node 0 (distance 21)",
        'write vcpupin = ["4", "12", "5", "13"]',
    ),
    "memory of another node": (
        TWO_NODES,
        vm("a", "2 10 3 11", 'numatune = { mode = "strict", nodeset = "1" }'),
        "numa-remote",
        "vm[0]",
        "its vCPUs are on node 0, its memory on node 1 (distance 21)",
        'write vcpupin = ["4", "12", "5", "13"]',
    ),
    "pages of another node": (
        TWO_NODES,
        pages("1G", 16, 1) + vm("a", "2 10 3 11", PAGED),
        "numa-remote",
        "vm[0]",
        "its vCPUs are on node 0, its huge pages on node 1",
        'write vcpupin = ["4", "12", "5", "13"]',
    ),
    "pinned to the host's CPUs": (
        TWO_NODES,
        ISOLATED + vm("a", "0 8 1 9"),
        "pin-outside-isolated",
        "vm[0].cputune.vcpupin",
        "a is pinned to CPUs 0-1,8-9, outside the isolated 2-7,10-15",
        'write vcpupin = ["2", "10", "3", "11"]',
    ),
    "two VMs on one CPU": (
        TWO_NODES,
        ISOLATED + vm("a", "2 10 3 11") + vm("b", "2 10 4 12"),
        "pin-overlap",
        "vm[1].cputune.vcpupin",
        "a and b are both pinned to CPUs 2,10",
        'write vcpupin = ["4", "12", "5", "13"]',
    ),
    "a core for two VMs": (
        TWO_NODES,
        ISOLATED + vm("a", "2 3 4 5") + vm("b", "10 6 7 14"),
        "smt-split",
        "vm[1].cputune.vcpupin",
        "a and b share cores: CPUs 2,10",
        "write vcpupin = [",
    ),
    "half of each core": (
        TWO_NODES,
        cpu("2-7"),
        "smt-split",
        "cpu.isolated",
        "isolated are 2 without 10",
        'write isolated = "2-7,10-15"',
    ),
    "CPUs that are offline": (
        {**cpus(7), f"{CPU}/online": "0-5\n"},
        cpu("4-7"),
        "cpu-offline",
        "cpu.isolated",
        "CPUs 6-7 are offline",
        'write isolated = "4-5"',
    ),
    "TuneD's arguments": (
        {
            **SMALL,
            "/etc/tuned/active_profile": "cpu-partitioning\n",
            "/etc/tuned/bootcmdline": 'TUNED_BOOT_CMDLINE="skew_tick=1 isolcpus=1"\n',
        },
        cpu("2-15"),
        "tuned-conflict",
        "cpu",
        "TuneD's profile cpu-partitioning puts isolcpus=1 on the kernel command line",
        "tuned-adm profile",
    ),
    "irqbalance's own list": (
        {
            **SMALL,
            "/usr/lib/systemd/system/irqbalance.service": "",
            "/etc/default/irqbalance": "IRQBALANCE_BANNED_CPULIST=2\n",
        },
        cpu("2-3"),
        "irqbalance-conflict",
        "cpu.isolated",
        "it moves interrupts to isolated CPU 3",
        "write irq_affinity = true",
    ),
    "more memory than there is": (
        {**SMALL, **MEMORY},
        vm("a", "2 3 4 5", 'size = "128G"'),
        "vm-exceeds-memory",
        "vm[0].memory",
        "a has 128G; huge pages and the host leave 57.6G",
        "write less than 57.6G",
    ),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty tree; domains and specs lie beside it."""
    (tmp_path / "root/etc").mkdir(parents=True)
    (tmp_path / "a.xml").write_text(DOMAIN)
    return tmp_path / "root"


def plant(root: Path, files: Files) -> None:
    for path, text in files.items():
        target = root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


def spec(root: Path, text: str) -> Path:
    file = root.parent / "host.toml"
    file.write_text(f"version = 1\n{text}")
    return file


def content(root: Path) -> dict[str, bytes]:
    """Every file but the journal and the lock."""
    found = {str(p.relative_to(root)): p for p in root.rglob("*") if p.is_file()}
    own = ("var/lib/reconcile/", "run/reconcile.lock")
    return {name: path.read_bytes() for name, path in found.items() if not name.startswith(own)}


def findings(root: Path, text: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit code and the findings of a plan; the tree stays as it is."""
    before = content(root)
    ran = run("--plan", spec(root, text), "--root", root, "--format", "json")
    assert content(root) == before
    return ran.code, json.loads(ran.out)["findings"]


def one(found: list[dict[str, Any]], code: str, where: str) -> dict[str, Any]:
    (finding,) = [f for f in found if (f["code"], f["where"]) == (code, where)]
    return finding


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_code_place_and_what_to_write(name: str, root: Path) -> None:
    files, text, code, where, message, hint = REFUSED[name]
    plant(root, files)
    exit_code, found = findings(root, text)
    finding = one(found, code, where)
    assert (exit_code, finding["severity"]) == (3, "refuse")
    assert message in finding["message"]
    assert hint in finding["hint"]
    before = content(root)
    assert run("--apply", spec(root, text), "--root", root, "--yes").code == 3
    assert content(root) == before


@pytest.mark.parametrize("name", WARNED)
def test_warned_with_code_place_and_what_to_write(name: str, root: Path) -> None:
    files, text, code, where, message, hint = WARNED[name]
    plant(root, files)
    _, found = findings(root, text)
    finding = one(found, code, where)
    assert finding["severity"] == "warn"
    assert message in finding["message"]
    assert hint in finding["hint"]
    assert run("--plan", spec(root, text), "--root", root, "--strict").code == 3


def test_what_a_hint_says_is_right(root: Path) -> None:
    """Written down as advised, the pins of all VMs have no finding any more."""
    plant(root, TWO_NODES)
    _, found = findings(root, ISOLATED + vm("a") + vm("b"))
    pins = [f["hint"].removeprefix("write ") for f in found if f["code"] == "unpinned"]
    bare = '[[vm]]\nname = "{}"\ndefinition = "a.xml"\n[vm.cputune]\n{}\n'
    text = ISOLATED + "".join(map(bare.format, "ab", pins))
    assert {f["severity"] for f in findings(root, text)[1]} == {"note"}


@pytest.mark.parametrize("missing", ["online", "present", "possible"])
def test_a_missing_file_is_made_up_for_by_the_others(missing: str, root: Path) -> None:
    plant(root, {p: t for p, t in SMALL.items() if not p.endswith(missing)})
    exit_code, found = findings(root, cpu("2-20"))
    assert (exit_code, [f["code"] for f in found]) == (3, ["cpu-out-of-range"])


KEPT: dict[str, tuple[Files, str]] = {
    "slices": (SMALL, cpu("2-15", slices="true")),
    "a limit": ({"/etc/security/limits.d/other.conf": "# mine\n"}, '[limits]\nmemlock = "64G"\n'),
    "a pool": ({**MEMORY, **pools(2048, 1048576)}, pages("2M", 64)),
    "a pool of which only the size is there": (pools(2048, names="nr"), pages("2M", 64)),
    "two sizes": ({**MEMORY, **pools(2048, 1048576)}, pages("2M", 64) + pages("1G", 4)),
    "no pool to be seen": (MEMORY, pages("2M", 64)),
    "pools of nodes": (
        {
            **TWO_NODES,
            **pools(2048),
            **pools(2048, under=f"{NODES}/node0/hugepages", names="nr free surplus"),
            **pools(2048, under=f"{NODES}/node1/hugepages", names="nr free surplus"),
        },
        pages("2M", 64, 0) + pages("2M", 32, 1),
    ),
}


@pytest.mark.parametrize("name", KEPT)
def test_applied_once_in_sync_and_given_back_byte_for_byte(name: str, root: Path) -> None:
    files, text = KEPT[name]
    plant(root, files)
    before = content(root)
    assert run("--apply", spec(root, text), "--root", root, "--yes").code == 0
    applied = content(root)
    assert applied != before
    again = ("--root", root, "--detailed-exitcode", "--yes")
    assert run("--plan", spec(root, text), *again[:3]).code == 0
    assert run("--apply", spec(root, text), *again).code == 0
    assert content(root) == applied
    assert run("--apply", spec(root, ""), "--root", root, "--yes").code == 0
    assert content(root) == before
    assert run("--plan", spec(root, ""), *again[:3]).code == 0
