"""A kernel with a shell and nothing else under QEMU: what it makes of its command line, in seconds.

The machine has two NUMA nodes of four CPUs (two cores of two threads each) and 4 GiB each.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from .base import LabError, need
from .qemu import program

_BUSYBOX = Path("/bin/busybox")
_INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
echo 0 >/proc/sys/kernel/printk
echo BEGIN
. /script
echo END
poweroff -f
"""
# As an Intel Atom: it has SMT, and is exempt from page table isolation (machines.py).
_CPU = "max,la57=off,-smap,-smep,-umip,-pku,vendor=GenuineIntel,family=6,model=28,stepping=10"
_CPUS = ("-smp", "8,sockets=2,cores=2,threads=2")


def run(
    kernel: Path,
    work: Path,
    arguments: str,
    script: str,
    *,
    files: Mapping[str, str] | None = None,
    maxcpus: int | None = None,
) -> list[str]:
    """Boot the kernel with these arguments and give the lines that the script prints.

    ``files`` are put beside the script; with ``maxcpus`` one CPU is there, the others could be
    plugged in, and there is one node. Raises LabError when the script does not come to its end.
    """
    need(program())
    if not _BUSYBOX.exists():
        raise LabError("not installed: busybox-static (tests/apt-packages.txt has it)")
    initrd = work / "tiny.cpio"
    initrd.write_bytes(_archive({"script": script, **(files or {})}))
    argv = [program(), "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
    argv += ["-accel", "tcg,thread=single", "-machine", "q35", "-cpu", _CPU, "-serial", "stdio"]
    argv += _small(maxcpus) if maxcpus else [*_CPUS, *_nodes()]
    # At a random place the kernel may take the only free gigabyte of a node.
    append = f"console=ttyS0 panic=-1 quiet no_timer_check nokaslr {arguments}"
    argv += ["-kernel", str(kernel), "-initrd", str(initrd), "-append", append]
    done = subprocess.run(argv, capture_output=True, text=True, errors="replace", timeout=900)
    lines = done.stdout.replace("\r", "").splitlines()
    if "BEGIN" not in lines or "END" not in lines:
        raise LabError(f"{arguments}: no end\n{done.stderr[-500:]}{done.stdout[-2000:]}")
    return lines[lines.index("BEGIN") + 1 : lines.index("END")]


def _nodes() -> list[str]:
    words = ["-m", "8G"]
    for node in (0, 1):
        words += ["-object", f"memory-backend-ram,id=m{node},size=4G"]
        words += ["-numa", f"node,nodeid={node},cpus={4 * node}-{4 * node + 3},memdev=m{node}"]
    return words


def _small(maxcpus: int) -> list[str]:
    return ["-m", "512M", "-smp", f"1,maxcpus={maxcpus}"]


def _archive(files: Mapping[str, str]) -> bytes:
    """An initramfs (driver-api/early-userspace/buffer-format.rst)."""
    parts = [(name, 0o40755, b"") for name in ("bin", "proc", "sys", "dev")]
    parts += [("init", 0o100755, _INIT.encode()), ("bin/busybox", 0o100755, _BUSYBOX.read_bytes())]
    parts += [(name, 0o100644, text.encode()) for name, text in files.items()]
    parts.append(("TRAILER!!!", 0, b""))
    return b"".join(_entry(n, *part) for n, part in enumerate(parts, 1))


def _entry(inode: int, name: str, mode: int, data: bytes) -> bytes:
    fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = "070701" + "".join(f"{value:08x}" for value in fields) + name + "\0"
    return _padded(head.encode()) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
