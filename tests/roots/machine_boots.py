"""Switching on a machine that has nothing but a disk with a boot loader and a kernel."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.lab.base import need

_FEW = ("-m", "512", "-display", "none", "-monitor", "none", "-net", "none")


def boot(disk: Path, lines: int, how: str = "if=ide", more: Sequence[str] = ()) -> list[str]:
    """The command lines of the kernels that it starts one after the other, by itself; ``how`` the
    disk is attached, ``more`` of QEMU's options. Ends with the ``lines``th."""
    need("qemu-system-x86_64")
    serial = disk.with_suffix(".serial")
    argv = ["qemu-system-x86_64", *_FEW, "-serial", f"file:{serial}"]
    argv += ["-drive", f"file={disk},format=raw,{how}", *more]
    end = time.monotonic() + 300
    machine = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
    try:
        while time.monotonic() < end and machine.poll() is None:
            found = _lines(serial)
            if len(found) >= lines:
                return found
            time.sleep(0.2)
    finally:
        machine.kill()
        machine.wait()
    text = serial.read_text(errors="replace") if serial.exists() else ""
    raise AssertionError(f"{len(_lines(serial))} of {lines} kernels were started:\n{text[-2000:]}")


def _lines(serial: Path) -> list[str]:
    text = serial.read_text(errors="replace") if serial.exists() else ""
    return [
        re.sub(r"^BOOT_IMAGE=\S+ ", "", line)
        for line in re.findall(r"Command line: ([^\r\n]*)[\r\n]", text)
    ]
