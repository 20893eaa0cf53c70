"""A Reader over a mapping from path to text, for machines too large to write out as files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from backends.reader import Done, FileStat

CPU = "/sys/devices/system/cpu"
NODES = "/sys/devices/system/node"


class MapReader:
    """Reads from ``files``; ``readonly`` paths have no write bit; counts the reads."""

    def __init__(self, files: Mapping[str, str], readonly: Iterable[str] = ()) -> None:
        self.files = dict(files)
        self.readonly = frozenset(readonly)
        self.reads: list[str] = []
        self.folders: dict[str, set[str]] = {}
        for path in files:
            while path != "/":
                parent, _, name = path.rpartition("/")
                self.folders.setdefault(parent or "/", set()).add(name)
                path = parent or "/"

    def read_text(self, path: str, *, optional: bool = False) -> str | None:
        self.reads.append(path)
        return self.files.get(path)

    def read_bytes(self, path: str, *, optional: bool = False) -> bytes | None:
        text = self.read_text(path)
        return None if text is None else text.encode()

    def list(self, path: str) -> tuple[str, ...]:
        return tuple(sorted(self.folders.get(path, ())))

    def list_here(self, path: str) -> tuple[str, ...]:
        return self.list(path)

    def readlink(self, path: str) -> str | None:
        return None

    def realpath(self, path: str) -> str:
        return path

    def exists(self, path: str) -> bool:
        return path in self.files or path in self.folders

    def stat(self, path: str) -> FileStat | None:
        if not self.exists(path):
            return None
        kind = "file" if path in self.files else "dir"
        mode = 0o444 if path in self.readonly else 0o644
        return FileStat(kind, mode, 0, 0, len(self.files.get(path, "")), 0, "0:1", 1)

    def read_range(self, path: str, offset: int, size: int) -> bytes | None:
        """Part of a file."""
        data = self.read_bytes(path)
        return None if data is None else data[offset : offset + size]

    def free_bytes(self, path: str) -> int | None:
        """Not known."""
        return None

    def output(self, argv: Sequence[str], *, timeout: float = 30.0) -> Done | None:
        return None


def machine(
    nodes: int = 2,
    cores: int = 4,
    threads: int = 2,
    memory_kib: int = 64 * 1024 * 1024,
    sizes_kib: Iterable[int] = (2048, 1048576),
) -> dict[str, str]:
    """The files of a machine with one socket and one L3 a node, numbered as Linux does on x86:
    first one thread of each core, then the second ones. Memory is per node."""
    total = nodes * cores * threads
    files = {
        f"{CPU}/online": f"0-{total - 1}\n",
        f"{CPU}/possible": f"0-{total - 1}\n",
        f"{CPU}/present": f"0-{total - 1}\n",
        f"{CPU}/isolated": "\n",
        f"{CPU}/nohz_full": "(null)\n",
        f"{CPU}/kernel_max": "8191\n",
        f"{CPU}/smt/control": "on\n" if threads > 1 else "notsupported\n",
        f"{CPU}/smt/active": f"{int(threads > 1)}\n",
        "/proc/cpuinfo": "processor\t: 0\nvendor_id\t: GenuineIntel\n"
        "flags\t\t: fpu vmx pse pdpe1gb\n\nprocessor\t: 1\n",
        "/proc/meminfo": f"MemTotal: {nodes * memory_kib} kB\n"
        f"MemAvailable: {nodes * memory_kib * 9 // 10} kB\nHugepagesize: 2048 kB\n",
    }
    for node in range(nodes):
        own = [t * nodes * cores + node * cores + c for t in range(threads) for c in range(cores)]
        _node_files(files, node, nodes, own, memory_kib)
        for core in range(cores):
            _core_files(files, node, core, own[core::cores], own)
        _pools(files, f"{NODES}/node{node}/hugepages", sizes_kib)
    _pools(files, "/sys/kernel/mm/hugepages", sizes_kib)
    return files


def _node_files(files: dict[str, str], node: int, nodes: int, own: list[int], kib: int) -> None:
    base = f"{NODES}/node{node}"
    distances = (10 if other == node else 21 for other in range(nodes))
    files[f"{base}/cpulist"] = ",".join(map(str, sorted(own))) + "\n"
    files[f"{base}/distance"] = " ".join(map(str, distances)) + "\n"
    files[f"{base}/meminfo"] = f"Node {node} MemTotal: {kib} kB\nNode {node} MemFree: {kib} kB\n"


def _core_files(
    files: dict[str, str], node: int, core: int, threads: list[int], package: list[int]
) -> None:
    for cpu in threads:
        base = f"{CPU}/cpu{cpu}"
        files[f"{base}/topology/physical_package_id"] = f"{node}\n"
        files[f"{base}/topology/die_id"] = "0\n"
        files[f"{base}/topology/core_id"] = f"{core}\n"
        files[f"{base}/topology/thread_siblings_list"] = ",".join(map(str, threads)) + "\n"
        files[f"{base}/topology/core_siblings_list"] = ",".join(map(str, package)) + "\n"
        files[f"{base}/cache/index3/level"] = "3\n"
        files[f"{base}/cache/index3/shared_cpu_list"] = ",".join(map(str, package)) + "\n"


def _pools(files: dict[str, str], base: str, sizes_kib: Iterable[int]) -> None:
    for size in sizes_kib:
        for name in ("nr_hugepages", "free_hugepages", "surplus_hugepages", "resv_hugepages"):
            files[f"{base}/hugepages-{size}kB/{name}"] = "0\n"
