"""A disk that real GRUB boots: its own code, a generated menu, and a kernel without a root.

GRUB's image goes where grub-bios-setup puts it (GRUB manual, "BIOS installation"): boot.img in
sector 0, the rest behind it. The kernel of the root panics as soon as it looks for its root file
system, which is all that a boot loader can be asked about.
"""

from __future__ import annotations

import subprocess
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
