"""The trees that are disturbed: small, with programs that take no time.

A grub.cfg is what the real grub-mkconfig has made, with other arguments in it; an initramfs is the
list of its files, a kernel is a line. grub-script-check is the real one.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.roots.enter import run_in
from tests.roots.machine import kernel_of

_UPDATE = """#!/bin/sh
set -e
for image in /boot/initrd.img-*; do
	case $image in *.new) continue ;; esac  # of a run that was killed; the real one knows versions
	{
		find /etc/modprobe.d /etc/udev/rules.d -type f 2>/dev/null | sort
		grep -l force_load /etc/initramfs-tools/hooks/* 2>/dev/null && echo vfio-pci.ko
		echo init
	} >"$image.new"
	sync "$image.new"
	mv "$image.new" "$image"
done
"""
# The drop-ins are sourced as Debian's does it; a sed script cannot meet a bar in an argument here.
_MKCONFIG = """#!/bin/sh
set -e
. /etc/default/grub
for x in /etc/default/grub.d/*.cfg; do
	[ -e "$x" ] && . "$x"
done
sed "s|@ARGUMENTS@|$GRUB_CMDLINE_LINUX_DEFAULT|" /usr/share/grub.cfg.template >"$2"
"""
_MARKED = "/etc/default/grub.d/marked.cfg"
_LIST = '#!/bin/sh\nexec cat "$1"\n'
_MACHINE = "0123456789abcdef0123456789abcdef"
_LINE = "root=UUID=0b6c1b7c-5a3f-4f63-9d39-6a0f3f1f2a11 ro quiet"
_ESP = "boot/efi"


def prepare(root: Path, loader: str) -> None:
    """Make a copied root quick, and bootable where it is systemd-boot that boots it."""
    for folder in ("var/lib/dpkg/info", "var/lib/apt", "var/cache"):
        shutil.rmtree(root / folder)
    if loader == "systemd-boot":
        _systemd_boot(root)
    else:
        _grub(root)
    _program(root, "update-initramfs", _UPDATE)
    _program(root, "lsinitramfs", _LIST)
    _shrink(root / "boot")


def _program(root: Path, name: str, text: str) -> None:
    program = root / "usr/local/sbin" / name
    program.write_text(text)
    program.chmod(0o755)


def _grub(root: Path) -> None:
    marked = root / _MARKED.lstrip("/")
    marked.write_text('GRUB_CMDLINE_LINUX_DEFAULT="@ARGUMENTS@"\n')
    made = run_in(root, "grub-mkconfig", "-o", "/usr/share/grub.cfg.template")
    assert made.returncode == 0, made.stderr
    marked.unlink()
    _program(root, "grub-mkconfig", _MKCONFIG)
    assert (
        run_in(root, "/usr/local/sbin/grub-mkconfig", "-o", "/boot/grub/grub.cfg").returncode == 0
    )


def _shrink(boot: Path) -> None:
    for file in boot.iterdir():
        if file.name.startswith(("System.map-", "config-")):
            file.unlink()
        elif file.name.startswith("vmlinuz-"):
            file.write_text("a kernel\n")
        elif file.name.startswith("initrd.img-"):
            file.write_text("init\n")


def _systemd_boot(root: Path) -> None:
    """As bootctl install and kernel-install leave it, on an ESP at /boot/efi."""
    _put(root, "etc/machine-id", f"{_MACHINE}\n")
    _put(root, "etc/kernel/cmdline", f"{_LINE}\n")
    _put(root, f"{_ESP}/EFI/systemd/systemd-bootx64.efi", "MZ")
    _put(root, f"{_ESP}/loader/loader.conf", "timeout 1\n")
    for kernel in (kernel_of(root), "5.10.0-1-amd64"):
        _put(root, f"{_ESP}/loader/entries/{_MACHINE}-{kernel}.conf", _entry(kernel))


def _entry(kernel: str) -> str:
    """What kernel-install of systemd 252 writes."""
    return (
        f"title      Debian GNU/Linux\nversion    {kernel}\nmachine-id {_MACHINE}\n"
        f"sort-key   debian\noptions    {_LINE} systemd.machine_id={_MACHINE}\n"
        f"linux      /{_MACHINE}/{kernel}/linux\ninitrd     /{_MACHINE}/{kernel}/initrd.img\n"
    )


def _put(root: Path, path: str, text: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
