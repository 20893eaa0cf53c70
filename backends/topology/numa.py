"""NUMA nodes: which CPUs and how far apart (ABI/stable/sysfs-devices-node)."""

from __future__ import annotations

import re
from collections.abc import Callable

from backends.formats.cpumask import parse_mask
from backends.reader import Reader
from specs.errors import ReconcileError
from specs.values import CpuSet

NODES = "/sys/devices/system/node"
_NODE = re.compile(r"node(\d+)\Z")


class StrangeFile(ReconcileError):
    """A file of the kernel, or of a tree that stands for one, says what the kernel never says."""

    exit_code = 3


def node_numbers(reader: Reader) -> tuple[int, ...]:
    """Nodes that are online, ascending; none on a kernel without CONFIG_NUMA."""
    matches = (_NODE.match(name) for name in reader.list(NODES))
    return tuple(sorted(int(m.group(1)) for m in matches if m))


def node_cpus(reader: Reader) -> dict[int, CpuSet]:
    """The online CPUs of each online node, by node number."""
    found: dict[int, CpuSet] = {}
    for number in node_numbers(reader):
        base = f"{NODES}/node{number}"
        found[number] = read_cpus(reader, f"{base}/cpulist", f"{base}/cpumap") or CpuSet(())
    return found


def read_distances(reader: Reader, number: int, nodes: tuple[int, ...]) -> dict[int, int]:
    """ACPI SLIT distances from one node to each online node (10 is local); empty if unknown.

    The file has one number per online node in ascending order: node numbers may have gaps.
    """
    words = (reader.read_text(f"{NODES}/node{number}/distance") or "").split()
    if len(words) != len(nodes) or not all(word.isdecimal() for word in words):
        return {}
    return {node: int(word) for node, word in zip(nodes, words, strict=True)}


def read_cpus(reader: Reader, list_path: str, mask_path: str) -> CpuSet | None:
    """A set of CPUs from its list, or from its mask where a kernel or a dump has only that.

    Raises StrangeFile where either is neither."""
    found = read_list(reader, list_path)
    return read_mask(reader, mask_path) if found is None else found


def read_list(reader: Reader, path: str) -> CpuSet | None:
    """The CPU list in a file of the kernel, None without the file. Raises StrangeFile."""
    return _read(reader, path, parse_list)


def read_mask(reader: Reader, path: str) -> CpuSet | None:
    """The CPU mask in a file of the kernel, None without the file. Raises StrangeFile."""
    return _read(reader, path, lambda text: CpuSet(parse_mask(text)))


def _read(reader: Reader, path: str, parse: Callable[[str], CpuSet]) -> CpuSet | None:
    text = reader.read_text(path)
    try:
        return None if text is None else parse(text)
    except ValueError as e:
        hint = "a kernel never writes that: is the tree or the capture damaged?"
        raise StrangeFile(str(e), where=path, hint=hint) from e


def parse_list(text: str) -> CpuSet:
    """A CPU list as sysfs prints it. Empty means none, and so does ``(null)``, which
    nohz_full shows on kernels where it was never set (drivers/base/cpu.c). Some kernels end
    node lists with a NUL byte."""
    plain = text.strip(" \t\n\0")
    return CpuSet(()) if plain in ("", "(null)") else CpuSet.parse(plain)
