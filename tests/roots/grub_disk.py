"""A disk that real GRUB boots: its own code, a generated menu, and a kernel without a root.

GRUB's image goes where grub-bios-setup puts it (GRUB manual, "BIOS installation"): boot.img in
sector 0, the rest behind it. The kernel of the root panics as soon as it looks for its root file
system, which is all that a boot loader can be asked about.
"""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

from tests.lab.base import call, need

_FIRST = 1 << 20  # bytes in front of the partition
_MODULES = ("biosdisk", "part_msdos", "ext2", "normal", "configfile", "serial", "terminal")


def make(disk: Path, root: Path) -> None:
    """A disk with the ``boot`` of ``root``, and its GRUB."""
    need("grub-mkimage", "mke2fs", "sfdisk")
    home = root / "usr/lib/grub/i386-pc"
    core = disk.with_suffix(".core")
    tree = disk.with_suffix(".tree")
    (tree / "boot/grub").mkdir(parents=True)
    call("cp", "-r", *(root / "boot").glob("vmlinuz-*"), tree / "boot")
    call("cp", "-r", home, *(root / "boot/grub").iterdir(), tree / "boot/grub")
    prefix = "(hd0,msdos1)/boot/grub"
    call("grub-mkimage", "-d", home, "-O", "i386-pc", "-p", prefix, "-o", core, *_MODULES)
    with disk.open("wb") as file:
        file.truncate(96 << 20)
    call("mke2fs", "-q", "-t", "ext4", "-d", tree, "-E", f"offset={_FIRST}", disk, "90M")
    table = f"start={_FIRST // 512}, type=83\n"
    subprocess.run(["sfdisk", "--quiet", disk], input=table, text=True, check=True)
    with disk.open("r+b") as file:
        file.write((home / "boot.img").read_bytes()[:440])
        file.seek(512)
        file.write(core.read_bytes())


def boot(disk: Path, lines: int, *, read_only: bool = False, seconds: float = 300) -> list[str]:
    """The command lines of the kernels that it starts one after the other, by itself."""
    need("qemu-system-x86_64")
    serial = disk.with_suffix(".serial")
    how = "if=virtio,readonly=on" if read_only else "if=ide"
    argv = ["qemu-system-x86_64", "-m", "512", "-display", "none", "-monitor", "none"]
    argv += ["-serial", f"file:{serial}", "-drive", f"file={disk},format=raw,{how}"]
    end = time.monotonic() + seconds
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
    return re.findall(r"Command line: BOOT_IMAGE=\S+ ([^\r\n]*)[\r\n]", text)
