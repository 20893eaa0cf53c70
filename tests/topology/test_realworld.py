"""The topology of recorded machines equals what hwloc and lscpu say of the same dump."""

from __future__ import annotations

import os
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from backends.reader import Reader, TreeReader
from backends.topology.cpu import CpuState, observe_cpus
from backends.topology.memory import observe_memory
from tests.topology.conftest import ROW
from tests.topology.maps import MapReader
from tests.topology.oracles import (
    Facts,
    hwloc_console,
    hwloc_xml,
    lscpu,
    lscpu_summary,
    run_lscpu,
)

_DEFAULT = Path(__file__).resolve().parents[3] / "shared/realworld"
MACHINES = Path(os.environ.get("REALWORLD", _DEFAULT)) / "machines"
HWLOC = sorted(p for p in MACHINES.glob("hwloc/*linux/*.tar.bz2"))
LSCPU = sorted(MACHINES.glob("lscpu/dumps/*.tar.gz"))
NRI = sorted(MACHINES.glob("nri-*/*.tar.xz"))
# lscpu needs cpu/possible, and version 2.38 crashes on the PS3.
NOT_FOR_LSCPU = {"16em64t-4s2c2t-offlines", "16ia64-8n2s", "256ia64-64n2s2c", "2ps3-2t"}
NOT_FOR_LSCPU |= {"64fake-4n2s2ca2c2t"}
BOTH = [p for p in HWLOC if p.name.partition(".tar")[0] not in NOT_FOR_LSCPU]

pytestmark = [
    pytest.mark.realworld,
    pytest.mark.skipif(
        not MACHINES.is_dir() and not os.environ.get("CI"),
        reason=f"no recorded machines in {MACHINES}: set REALWORLD",
    ),
]

# Where the dump itself is contradictory or the oracle leaves things out, and why.
NOT_COMPARED: dict[tuple[str, str], tuple[str, ...]] = {
    # Without NUMA support in the kernel hwloc invents a node 0.
    ("2i386-2t-hugepagesizecount", "hwloc"): ("nodes", "memory_kib"),
    ("2ps3-2t", "hwloc"): ("nodes", "sockets"),  # and this dump knows no sockets
    # physical_package_id and core_siblings were made to contradict each other.
    ("40intel64-4n10c+pci-conflicts", "hwloc"): ("sockets", "caches"),
    ("40intel64-4n10c+pci-conflicts", "lscpu"): ("sockets", "caches"),
    # shared_cpu_list says otherwise than shared_cpu_map, which hwloc reads.
    ("64fake-4n2s2ca2c2t", "hwloc"): ("caches",),
    # From CPUID, half of a Bulldozer module is a core; the kernel calls it a thread.
    ("64amd64-4p2n4ca2co", "hwloc"): ("cores",),
    # Some cores share a level 2 cache and others have none: lscpu 2.38 counts one CPU of a pair.
    ("8em64t-2s4c-asymcaches", "lscpu"): ("caches",),
    # lscpu leaves the one big core out of the cache that all five share.
    ("5intel64-hybrid-lakefield", "lscpu"): ("caches",),
    # lscpu 2.38 folds cores of different clusters into one.
    ("nvidia-dgx-gb10", "lscpu"): ("cores", "sockets", "caches"),
}


@pytest.fixture(scope="session")
def unpack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path], Path]]:
    """The root of a dump, unpacked once; in memory where possible, since it is thousands of
    files."""
    roots: dict[Path, Path] = {}
    memory = Path("/dev/shm")
    place = memory if os.access(memory, os.W_OK) else tmp_path_factory.getbasetemp()
    with tempfile.TemporaryDirectory(dir=place) as base:

        def one(archive: Path) -> Path:
            if archive not in roots:
                folder = Path(tempfile.mkdtemp(dir=base))
                unpack_wanted(archive, folder)
                roots[archive] = next(folder.glob("**/sys/devices/system")).parents[2]
            return roots[archive]

        yield one


def unpack_wanted(archive: Path, folder: Path) -> None:
    """Only what is read here; a dump also has thousands of files about PCI devices."""
    patterns = ["*/sys/devices/system/cpu", "*/sys/devices/system/node", "*/sys/devices/cpu_*"]
    patterns += ["*/sys/kernel/mm", "*/proc/cpuinfo", "*/proc/meminfo", "*/proc/mounts"]
    argv = ["tar", "-xf", str(archive), "-C", str(folder), "--wildcards", *patterns]
    # A dump need not have every one of them: tar complains then, after having unpacked the rest.
    subprocess.run(argv, check=False, stderr=subprocess.DEVNULL)


def in_memory(archive: Path) -> MapReader:
    """The regular files of a dump, by host path."""
    files = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            at = re.search(r"/(sys/devices/system|sys/kernel/mm|proc)/", member.name)
            if at and member.isfile() and (data := tar.extractfile(member)):
                files[member.name[at.start() :]] = data.read().decode("utf-8", "replace")
    return MapReader(files)


def ours(reader: Reader) -> Facts:
    """What this project reads from a dump, in the oracles' form."""
    cpus, memory = observe_cpus(reader), observe_memory(reader)
    return Facts(
        online=frozenset(cpus.online),
        nodes={n.number: frozenset(n.cpus) & frozenset(cpus.online) for n in memory.nodes},
        cores=frozenset(frozenset(c.siblings) for c in cpus.cpus),
        sockets=frozenset(frozenset(c.package) for c in cpus.cpus),
        caches=frozenset(frozenset(c.cache) for c in cpus.cpus if c.cache),
        kinds=_by_kind(cpus),
        memory_kib={n.number: n.total_kib for n in memory.nodes},
        pools={p.size_kib: p.total for p in memory.pools if p.total},
        distances={(n.number, to): d for n in memory.nodes for to, d in n.distances},
    )


def _by_kind(cpus: CpuState) -> frozenset[frozenset[int]]:
    kinds = {c.kind for c in cpus.cpus if c.kind}
    return frozenset(frozenset(c.number for c in cpus.cpus if c.kind == kind) for kind in kinds)


def _compare(machine: str, oracle: str, said: Facts, found: Facts) -> str:
    cells = []
    for name in Facts.__dataclass_fields__:
        wanted, got = getattr(said, name), getattr(found, name)
        if wanted is None or name in NOT_COMPARED.get((machine, oracle), ()):
            cells.append(f"{name} -")
            continue
        assert got == wanted, f"{machine}: {name} differs from {oracle}: {_show(got, wanted)}"
        cells.append(f"{name} {len(got)}=")
    return f"{machine[:40]:40} {oracle:8} " + " ".join(f"{c:15}" for c in cells)


def _show(got: Any, wanted: Any) -> str:
    as_set = [set(x.items()) if isinstance(x, dict) else set(x) for x in (got, wanted)]
    return f"only here {as_set[0] - as_set[1]}, only there {as_set[1] - as_set[0]}"


def test_the_recorded_machines_are_there() -> None:
    assert len(HWLOC) > 15
    assert len(LSCPU) > 4


@pytest.mark.parametrize("archive", HWLOC, ids=lambda p: p.name)
def test_equals_hwloc(archive: Path, record_property: Callable[[str, str], None]) -> None:
    name = archive.name.removesuffix(".tar.bz2")
    xml, console = archive.with_name(name + ".xml"), archive.with_name(name + ".console")
    said = hwloc_xml(xml.read_text()) if xml.exists() else hwloc_console(console.read_text())
    record_property(ROW, _compare(name, "hwloc", said, ours(in_memory(archive))))


@pytest.mark.parametrize("archive", [*BOTH, *LSCPU], ids=lambda p: p.name)
def test_equals_lscpu(
    archive: Path, unpack: Callable[[Path], Path], record_property: Callable[[str, str], None]
) -> None:
    root = unpack(archive)
    found = ours(TreeReader(root))
    name = archive.name.partition(".tar")[0]
    record_property(ROW, _compare(name, "lscpu", lscpu(root), found))


@pytest.mark.parametrize("archive", [*LSCPU, *NRI], ids=lambda p: p.name)
def test_equals_the_report_of_lscpu(
    archive: Path, unpack: Callable[[Path], Path], record_property: Callable[[str, str], None]
) -> None:
    """The report that was recorded with the dump; else that of lscpu now."""
    root = unpack(archive)
    name = archive.name.partition(".tar")[0]
    recorded = archive.parents[1] / f"expected/lscpu-{name}"
    if not recorded.exists():
        _complete(root)
    said = lscpu_summary(recorded.read_text() if recorded.exists() else run_lscpu(root))
    found = ours(TreeReader(root))
    assert said.nodes is not None
    said.nodes = {n: cpus & said.online for n, cpus in said.nodes.items()}
    record_property(ROW, _compare(name, "report", said, found))


def _complete(root: Path) -> None:
    """lscpu insists on /proc/cpuinfo, which one kind of dump lacks."""
    (root / "proc").mkdir(exist_ok=True)
    (root / "proc/cpuinfo").touch()
