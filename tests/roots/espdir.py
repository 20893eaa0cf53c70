"""An EFI system partition in a root: the real bootctl and kernel-install put there what they do.

It is a tmpfs, and both are told to take that for one (SYSTEMD_RELAX_ESP_CHECKS, which systemd has
for tests), by scripts of their names before them on the search path. All else is Debian's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.roots.enter import run_in
from tests.roots.machine import kernel_of

ESP = "boot/efi"
ENTRIES = f"{ESP}/loader/entries"
LINE = "root=/dev/sda2 ro quiet"
_FILES = ("vmlinuz", "initrd.img", "config")
_PATH = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"}
_RELAXED = """#!/bin/sh
export SYSTEMD_RELAX_ESP_CHECKS=1 SYSTEMD_RELAX_XBOOTLDR_CHECKS=1
exec /usr/bin/${0##*/} "$@"
"""


@contextmanager
def mounted(root: Path) -> Iterator[Path]:
    """The root with an ESP at /boot/efi, gone when the block ends."""
    esp = root / ESP
    esp.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=700", "tmpfs", esp], check=True)
    try:
        yield root
    finally:
        subprocess.run(["umount", esp], check=True)


def install(root: Path, *, unified: bool = False) -> None:
    """systemd-boot, /etc/kernel/cmdline, and the kernel as its package registers it."""
    for name in ("bootctl", "kernel-install"):
        program = root / "usr/local/bin" / name
        program.write_text(_RELAXED)
        program.chmod(0o755)
    inside(root, "bootctl", "--esp-path=/boot/efi", "--no-variables", "install")
    (root / "etc/kernel/cmdline").write_text(f"{LINE}\n")
    if unified:
        text = "layout=uki\nuki_generator=ukify\n"
        (root / "etc/kernel/install.conf").write_text(text)
    register(root, kernel_of(root))


def register(root: Path, kernel: str) -> None:
    """What the kernel's package runs when it is installed."""
    inside(root, "/etc/kernel/postinst.d/zz-systemd-boot", kernel, f"/boot/vmlinuz-{kernel}")


def another_kernel(root: Path) -> str:
    """A second kernel of the next version, installed as its package does it; its version."""
    old = kernel_of(root)
    new = f"{old}-next"
    modules = root / "usr/lib/modules"
    shutil.copytree(modules / old, modules / new, copy_function=os.link, symlinks=True)
    for name in _FILES:
        shutil.copy2(root / f"boot/{name}-{old}", root / f"boot/{name}-{new}")
    register(root, new)
    return new


def remove_kernel(root: Path, kernel: str) -> None:
    """What its package runs when it goes."""
    inside(root, "/etc/kernel/postrm.d/zz-systemd-boot", kernel)
    shutil.rmtree(root / "usr/lib/modules" / kernel)
    for name in _FILES:
        (root / f"boot/{name}-{kernel}").unlink()


def listed(root: Path) -> list[str]:
    """The ``options`` of every entry as the real bootctl reads them."""
    shown = inside(root, "bootctl", "--esp-path=/boot/efi", "list")
    lines = [line.split(":", 1) for line in shown.splitlines() if ":" in line]
    return [value.strip() for key, value in lines if key.strip() == "options"]


def inside(root: Path, *argv: str) -> str:
    """Run a program of the root; what it printed."""
    done = run_in(root, *argv, env=_PATH)
    assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done.stdout
