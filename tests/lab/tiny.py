"""A kernel with a shell, or with systemd, and nothing else under QEMU: booted in seconds.

The machine has two NUMA nodes of four CPUs (two cores of two threads each) and 4 GiB each.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from .base import LabError, need
from .qemu import program

_BUSYBOX = Path("/bin/busybox")
Parts = dict[str, tuple[int, bytes]]
_MOUNTS = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
"""
_SCRIPT = """echo 0 >/proc/sys/kernel/printk
echo BEGIN
. /script
echo END
poweroff -f
"""
_SYSTEMD = """mount -t devtmpfs dev /dev
mount -t tmpfs run /run
exec /lib/systemd/systemd --log-target=console --log-level=err --show-status=0
"""
# What systemd starts: the script, at the console, and whatever the script starts.
_UNITS = {
    "etc/systemd/system/default.target": "[Unit]\nWants=script.service\n",
    "etc/systemd/system/script.service": "[Unit]\nDefaultDependencies=no\n[Service]\n"
    "ExecStart=/bin/sh /start\nStandardOutput=tty\nStandardError=tty\nTTYPath=/dev/ttyS0\n",
    "etc/systemd/system/user.slice": "[Unit]\nDescription=user.slice\n",
    "etc/passwd": "root:x:0:0::/:/bin/sh\n",
    "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
}
_PROGRAMS = ("/lib/systemd/systemd", "/bin/systemctl", "/bin/systemd-tmpfiles")
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
    systemd: bool = False,
) -> list[str]:
    """Boot the kernel with these arguments and give the lines that the script prints.

    ``files`` are put beside the script; with ``maxcpus`` one CPU is there, the others could be
    plugged in, and there is one node. With ``systemd`` this machine's is the service manager, and
    the script one of its services. Raises LabError when the script does not come to its end.
    """
    need(program())
    if not _BUSYBOX.exists():
        raise LabError("not installed: busybox-static (tests/apt-packages.txt has it)")
    initrd = work / "tiny.cpio"
    own = {"script": script, **(files or {})}
    parts = {name: (0o100644, text.encode()) for name, text in own.items()}
    initrd.write_bytes(_archive(_with_systemd(parts) if systemd else _with_shell(parts)))
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


def _with_shell(parts: Parts) -> Parts:
    init = (_MOUNTS + _SCRIPT).encode()
    return {**parts, "init": (0o100755, init), "bin/busybox": (0o100755, _BUSYBOX.read_bytes())}


def _with_systemd(parts: Parts) -> Parts:
    """systemd, the programs to talk to it, and their libraries."""
    need("ldd", "systemctl", "systemd-tmpfiles")
    listed = subprocess.run(["ldd", *_PROGRAMS], capture_output=True, text=True, check=True).stdout
    paths = {*_PROGRAMS, *re.findall(r"(?:=> |^\s)(/\S+) \(", listed, re.MULTILINE)}
    found: Parts = {path[1:]: (0o100755, Path(path).read_bytes()) for path in paths}
    found |= {name: (0o100644, text.encode()) for name, text in _UNITS.items()}
    found["start"] = (0o100644, ("exec >/dev/ttyS0 2>&1\n" + _SCRIPT).encode())
    return {**_with_shell(parts), **found, "init": (0o100755, (_MOUNTS + _SYSTEMD).encode())}


def _archive(files: Parts) -> bytes:
    """An initramfs (driver-api/early-userspace/buffer-format.rst)."""
    folders = {str(above) for name in files for above in Path(name).parents} - {"."}
    parts = [(name, 0o40755, b"") for name in sorted(folders | {"proc", "sys", "dev", "run"})]
    parts += [(name, mode, data) for name, (mode, data) in files.items()]
    parts.append(("TRAILER!!!", 0, b""))
    return b"".join(_entry(n, *part) for n, part in enumerate(parts, 1))


def _entry(inode: int, name: str, mode: int, data: bytes) -> bytes:
    fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
    head = "070701" + "".join(f"{value:08x}" for value in fields) + name + "\0"
    return _padded(head.encode()) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
