"""What hwloc and lscpu say of a recorded machine, as partitions of its CPUs."""

from __future__ import annotations

import os
import re
import subprocess
import xml.etree.ElementTree as ET
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

Cpus = frozenset[int]


@dataclass
class Facts:
    """Comparable facts. Sets of sets: ids differ between programs, partitions do not.
    ``caches`` are the last ones of level 2 or 3. None means that the oracle does not say."""

    online: Cpus = frozenset()
    nodes: dict[int, Cpus] | None = None
    cores: frozenset[Cpus] | None = None
    sockets: frozenset[Cpus] | None = None
    caches: frozenset[Cpus] | None = None
    kinds: frozenset[Cpus] | None = None
    memory_kib: dict[int, int] | None = None
    pools: dict[int, int] | None = None
    distances: dict[tuple[int, int], int] | None = None


@dataclass
class _Object:
    kind: str
    number: int | None
    depth: int
    children: list[_Object] = field(default_factory=list)

    def cpus(self) -> Cpus:
        if self.kind == "PU":
            assert self.number is not None
            return frozenset((self.number,))
        return frozenset().union(*(c.cpus() for c in self.children))


_LINE = re.compile(r"( *)(\w+) L#\d+(?: \((?:P#(\d+))?.*)?")


def hwloc_console(text: str) -> Facts:
    """The tree that ``lstopo -v`` prints, indented by two blanks a level."""
    root = _Object("Machine", None, -1)
    stack, objects = [root], []
    for line in text.splitlines():
        if line.startswith("depth 0:"):
            break
        match = _LINE.match(line)
        if not match:
            continue
        depth = len(match.group(1))
        number = int(match.group(3)) if match.group(3) else None
        found = _Object(match.group(2), number, depth)
        while stack[-1].depth >= depth:
            stack.pop()
        stack[-1].children.append(found)
        objects.append((found, stack[-1]))
        stack.append(found)
    nodes = {o.number: parent.cpus() for o, parent in objects if o.kind == "NUMANode"}
    return Facts(
        online=root.cpus(),
        nodes={n: cpus for n, cpus in nodes.items() if n is not None},
        cores=_sets(o.cpus() for o, _ in objects if o.kind == "Core"),
        sockets=_sets(o.cpus() for o, _ in objects if o.kind == "Package"),
        caches=_last(
            *(
                [o.cpus() for o, _ in objects if o.kind in (f"L{level}Cache", f"L{level}")]
                for level in (3, 2)
            )
        ),
    )


def hwloc_xml(text: str) -> Facts:
    """An hwloc XML export, which also has memory, hugepages and distances."""
    tree = ET.fromstring(text)
    by_kind: dict[str, list[ET.Element]] = defaultdict(list)
    for element in tree.iter("object"):
        by_kind[element.attrib["type"]].append(element)
    nodes = {int(e.attrib["os_index"]): e for e in by_kind["NUMANode"]}
    return Facts(
        online=frozenset(int(e.attrib["os_index"]) for e in by_kind["PU"]),
        nodes={n: _mask(e.attrib["cpuset"]) for n, e in nodes.items()},
        cores=_sets(_mask(e.attrib["cpuset"]) for e in by_kind["Core"]),
        sockets=_sets(_mask(e.attrib["cpuset"]) for e in by_kind["Package"]),
        caches=_last(
            *([_mask(e.attrib["cpuset"]) for e in by_kind[f"L{level}Cache"]] for level in (3, 2))
        ),
        kinds=_kinds(tree),
        memory_kib={n: int(e.attrib.get("local_memory", 0)) // 1024 for n, e in nodes.items()},
        pools=_pools(list(nodes.values())),
        distances=_distances(tree),
    )


def _sets(sets: object) -> frozenset[Cpus]:
    return frozenset(s for s in sets if s)  # type: ignore[attr-defined]


def _last(third: list[Cpus], second: list[Cpus]) -> frozenset[Cpus]:
    """Level 2 counts for CPUs without a level 3 cache only."""
    covered = frozenset().union(*third)
    return _sets([*third, *(cache for cache in second if not cache & covered)])


def _kinds(tree: ET.Element) -> frozenset[Cpus]:
    """Kinds of cores, where there are several."""
    found = _sets(_mask(e.attrib["cpuset"]) for e in tree.iter("cpukind"))
    return found if len(found) > 1 else frozenset()


def _caches(columns: dict[str, dict[str, Cpus]]) -> frozenset[Cpus] | None:
    levels = [[*columns.get(name, {}).values()] for name in ("L3", "L2")]
    return _last(*levels) if any(levels) else None


def _mask(text: str) -> Cpus:
    bits: set[int] = set()
    words = text.split(",")
    for index, word in enumerate(reversed(words)):
        value = int(word, 16) if word else 0
        bits.update(32 * index + bit for bit in range(32) if value >> bit & 1)
    return frozenset(bits)


def _pools(nodes: list[ET.Element]) -> dict[int, int] | None:
    """Huge pages by size in KiB; hwloc lists the normal page size (at most 64 KiB) too."""
    pages = [page for node in nodes for page in node.iter("page_type")]
    if not pages:
        return None
    found: dict[int, int] = defaultdict(int)
    for page in pages:
        found[int(page.attrib["size"]) // 1024] += int(page.attrib["count"])
    return {size: count for size, count in found.items() if count and size > 64}


def _distances(tree: ET.Element) -> dict[tuple[int, int], int] | None:
    for matrix in tree.iter("distances2"):
        if matrix.attrib["type"] == "NUMANode" and matrix.attrib.get("name") == "NUMALatency":
            ids = _numbers(matrix, "indexes")
            values = _numbers(matrix, "u64values")
            pairs = [(a, b) for a in ids for b in ids]
            return dict(zip(pairs, values, strict=True))
    return None


def _numbers(matrix: ET.Element, tag: str) -> list[int]:
    return [int(w) for e in matrix.findall(tag) for w in (e.text or "").split()]


def run_lscpu(root: Path, *options: str) -> str:
    """Run the real lscpu on a dump. Raises CalledProcessError."""
    argv = ["lscpu", "--sysroot", str(root), *options]
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    return subprocess.run(argv, capture_output=True, text=True, check=True, env=env).stdout


def lscpu(root: Path) -> Facts:
    """The parsable table. Ids are logical, so partitions; node numbers are real."""
    out = run_lscpu(root, "-p=CPU,CORE,SOCKET,NODE,CACHE")
    names = next(line for line in out.splitlines() if line.startswith("# CPU,"))[2:].split(",")
    rows = [r.split(",") for r in out.splitlines() if not r.startswith("#")]
    columns = {name: _column(rows, at) for at, name in enumerate(names)}
    return Facts(
        online=frozenset(int(r[0]) for r in rows),
        nodes={int(k): v for k, v in columns["Node"].items()},
        cores=_sets(columns["Core"].values()),
        sockets=_sets(columns["Socket"].values()),
        caches=_caches(columns),
    )


def _column(rows: list[list[str]], index: int) -> dict[str, Cpus]:
    found: dict[str, set[int]] = defaultdict(set)
    for row in rows:
        if index < len(row) and row[index]:
            found[row[index]].add(int(row[0]))
    return {k: frozenset(v) for k, v in found.items()}


def lscpu_summary(text: str) -> Facts:
    """The report for people, which also names nodes without CPUs."""
    lines = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    nodes = re.findall(r"^NUMA node(\d+) CPU\(s\):(.*)$", text, re.MULTILINE)
    return Facts(
        online=_list(lines["On-line CPU(s) list"]),
        nodes={int(number): _list(cpus) for number, cpus in nodes},
    )


def _list(text: str) -> Cpus:
    """lscpu's own list form: ``0-62:2`` is every second CPU."""
    found: set[int] = set()
    for part in filter(None, text.strip().split(",")):
        match = re.fullmatch(r"(\d+)(?:-(\d+)(?::(\d+))?)?", part)
        assert match, part
        first, last, step = match.group(1), match.group(2) or match.group(1), match.group(3)
        found.update(range(int(first), int(last) + 1, int(step or 1)))
    return frozenset(found)
