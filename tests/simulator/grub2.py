"""GRUB hosts of the Fedora and openSUSE kind, recorded from their packages' documented behaviour.

Recorded are file names, contents and modes as grub2-common, kernel-install's 20-grub.install and
the installers leave them; no program of these distributions runs in the tests that use them.
"""

from __future__ import annotations

import struct

from tests.simulator.tree import TreeBuilder

ID = "0123456789abcdef0123456789abcdef"
ROOT = "root=UUID=0b6c1b7c-5a3f-4f63-9d39-6a0f3f1f2a11 ro"
BLS_CFG = (
    "set timeout=5\n"
    "### BEGIN /etc/grub.d/10_linux ###\n"
    'insmod blscfg\nset kernelopts="root=x ro "\nblscfg\n'
    "### END /etc/grub.d/10_linux ###\n"
)
STUB = (
    "search --no-floppy --fs-uuid --set=dev 1\n"
    "set prefix=($dev)/grub2\nconfigfile $prefix/grub.cfg\n"
)
ENTRIES = "/boot/loader/entries"


def _common(t: TreeBuilder, release: str, running: str) -> None:
    t.write("/etc/machine-id", ID + "\n")
    t.write("/etc/os-release", release)
    t.write("/proc/cmdline", f"BOOT_IMAGE=(hd0,gpt2)/vmlinuz-1 {running}\n")
    t.write("/usr/sbin/grub2-mkconfig", "GRUB_CMDLINE_LINUX\n")
    t.write("/usr/bin/grub2-script-check", "")
    t.link("/bin/sh", "/usr/bin/bash")
    t.write("/usr/bin/bash", "")


def grubenv(**variables: str) -> bytes:
    """An environment block."""
    text = "# GRUB Environment Block\n" + "".join(f"{k}={v}\n" for k, v in variables.items())
    return text.ljust(1024, "#").encode()


def entry(t: TreeBuilder, kernel: str, options: str) -> str:
    """An entry as 20-grub.install writes it; returns its path."""
    path = f"{ENTRIES}/{ID}-{kernel}.conf"
    t.write(
        path,
        f"title Fedora Linux ({kernel})\nversion {kernel}\nlinux /vmlinuz-{kernel}\n"
        f"initrd /initramfs-{kernel}.img $tuned_initrd\noptions {options}\n"
        "grub_users $grub_users\ngrub_arg --unrestricted\ngrub_class fedora\n",
    )
    return path


def fedora(t: TreeBuilder, *, cmdline: str | None = f"{ROOT} rhgb quiet") -> None:
    """Fedora 34 and later, RHEL 9 and 10, with EFI: two kernels and the rescue entry."""
    _common(t, "ID=fedora\nVERSION_ID=40\n", f"{ROOT} rhgb quiet")
    t.write("/boot/grub2/grub.cfg", BLS_CFG)
    t.link("/etc/grub2.cfg", "/boot/grub2/grub.cfg")
    t.link("/etc/grub2-efi.cfg", "/boot/grub2/grub.cfg")
    t.write("/boot/efi/EFI/fedora/grub.cfg", STUB)
    t.write("/boot/grub2/grubenv", grubenv(saved_entry=f"{ID}-6.8.10"))
    t.write(
        "/etc/default/grub",
        'GRUB_TIMEOUT=5\nGRUB_DEFAULT=saved\nGRUB_CMDLINE_LINUX="rhgb quiet"\n'
        'GRUB_DISABLE_RECOVERY="true"\nGRUB_ENABLE_BLSCFG=true\n',
    )
    for kernel in ("6.8.9", "6.8.10", "0-rescue"):
        entry(t, kernel, f"{ROOT} rhgb quiet")
    if cmdline is not None:
        t.write("/etc/kernel/cmdline", cmdline + "\n")


def rhel8(t: TreeBuilder) -> None:
    """RHEL 8 with EFI: grub.cfg and grubenv lie on the ESP, entries take $kernelopts."""
    _common(t, 'ID="rhel"\nVERSION_ID="8.10"\n', f"{ROOT} crashkernel=auto quiet")
    t.write("/boot/efi/EFI/redhat/grub.cfg", BLS_CFG)
    t.link("/etc/grub2-efi.cfg", "/boot/efi/EFI/redhat/grub.cfg")
    options = f"{ROOT} crashkernel=auto quiet "
    block = grubenv(saved_entry=f"{ID}-4.18.0-553", kernelopts=options, boot_success="0")
    t.write("/boot/efi/EFI/redhat/grubenv", block)
    t.link("/boot/grub2/grubenv", "/boot/efi/EFI/redhat/grubenv")
    t.write("/etc/default/grub", 'GRUB_CMDLINE_LINUX="crashkernel=auto quiet"\n')
    entry(t, "4.18.0-553", "$kernelopts $tuned_params")
    entry(t, "0-rescue", "$kernelopts")


def suse(t: TreeBuilder) -> None:
    """openSUSE Leap 15: a generated grub.cfg in /boot/grub2."""
    _common(t, 'ID="opensuse-leap"\nID_LIKE="suse opensuse"\n', f"{ROOT} splash=silent quiet")
    t.write(
        "/etc/default/grub",
        'GRUB_DISTRIBUTOR=\nGRUB_CMDLINE_LINUX_DEFAULT="splash=silent quiet"\n'
        'GRUB_CMDLINE_LINUX=""\n',
    )
    t.write("/boot/efi/EFI/opensuse/grub.cfg", STUB)
    t.write("/boot/grub2/grub.cfg", suse_cfg("splash=silent quiet"))


def suse_cfg(args: str) -> str:
    """What grub2-mkconfig makes of it."""
    kernel = "\tlinux /boot/vmlinuz-6.4.0-default"
    return (
        "### BEGIN /etc/grub.d/10_linux ###\n"
        "menuentry 'openSUSE Leap 15.6' --class opensuse $menuentry_id_option 'gnulinux-simple' {\n"
        f"{kernel} {ROOT}  {args}\n\tinitrd /boot/initrd-6.4.0-default\n}}\n"
        "### END /etc/grub.d/10_linux ###\n"
    )


def efi_variable(text: str) -> bytes:
    """A Loader* variable as efivarfs shows it."""
    return struct.pack("<I", 7) + f"{text}\0".encode("utf-16-le")
