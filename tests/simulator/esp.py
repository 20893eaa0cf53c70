"""systemd-boot hosts: entries and images as kernel-install leaves them on an ESP."""

from __future__ import annotations

import struct

from tests.simulator.tree import TreeBuilder

TOKEN = "0123456789abcdef0123456789abcdef"
KERNEL = "6.1.0-30-amd64"
ROOT = "root=UUID=0b6c1b7c-5a3f-4f63-9d39-6a0f3f1f2a11 ro"
LINE = f"{ROOT} quiet"
LOADER_INFO = "/sys/firmware/efi/efivars/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"


def systemd_boot(t: TreeBuilder, *, esp: str = "/boot/efi", cmdline: str | None = LINE) -> None:
    """The loader, its configuration, and /etc/kernel/cmdline; no entries yet."""
    t.write("/etc/machine-id", TOKEN + "\n")
    t.write("/proc/cmdline", f"initrd=\\{TOKEN}\\{KERNEL}\\initrd.img {LINE}\n")
    t.write(f"{esp}/EFI/systemd/systemd-bootx64.efi", b"MZ")
    t.write(f"{esp}/loader/loader.conf", "timeout 1\n")
    t.write("/usr/bin/kernel-install", "")
    t.mkdir(f"/lib/modules/{KERNEL}")
    t.write(f"/boot/vmlinuz-{KERNEL}", "")
    t.write(f"/boot/initrd.img-{KERNEL}", "")
    t.write(LOADER_INFO, b"\7\0\0\0" + "systemd-boot 252.39\0".encode("utf-16-le"))
    if cmdline is not None:
        t.write("/etc/kernel/cmdline", cmdline + "\n")


def entry(t: TreeBuilder, name: str, *, esp: str = "/boot/efi", text: str | None = None) -> str:
    """A type 1 entry as kernel-install 252 writes it; returns its path."""
    path = f"{esp}/loader/entries/{name}"
    written = (
        f"title      Debian GNU/Linux 12\nversion    {KERNEL}\nmachine-id {TOKEN}\n"
        f"sort-key   debian\noptions    {LINE} systemd.machine_id={TOKEN}\n"
        f"linux      /{TOKEN}/{KERNEL}/linux\ninitrd     /{TOKEN}/{KERNEL}/initrd.img\n"
    )
    t.write(path, written if text is None else text)
    return path


def unified_image(sections: dict[str, bytes]) -> bytes:
    """The smallest PE file with these sections."""
    start, optional = 64, 240
    table = start + 24 + optional
    offset = table + 40 * len(sections)
    headers, bodies = b"", b""
    for name, body in sections.items():
        padded = body + b"\0" * (-len(body) % 16)
        headers += name.encode().ljust(8, b"\0")
        headers += struct.pack("<IIIIIIHHI", len(body), 0, len(padded), offset, 0, 0, 0, 0, 0)
        bodies += padded
        offset += len(padded)
    dos = b"MZ" + b"\0" * 58 + struct.pack("<I", start)
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, len(sections), 0, 0, 0, optional, 0)
    return dos + coff + b"\0" * optional + headers + bodies


def image(t: TreeBuilder, args: str, *, esp: str = "/boot/efi", vendor: bool = False) -> str:
    """A unified kernel image with this command line; returns its path. It was made here by
    kernel-install and ukify; or, ``vendor``, came as it is, with a stub that reads addons."""
    path = f"{esp}/EFI/Linux/{TOKEN}-{KERNEL}.efi"
    sections = {
        ".osrel": b"ID=debian\n",
        ".uname": KERNEL.encode(),
        ".cmdline": args.encode(),
        ".sdmagic": b"#### LoaderInfo: systemd-stub 257.13-1 ####\0",
    }
    t.write(path, unified_image(sections))
    if vendor:
        t.write("/usr/bin/ukify", "")
    else:
        t.write("/etc/kernel/install.conf", "layout=uki\nuki_generator=ukify\n")
        t.write("/usr/lib/kernel/install.d/60-ukify.install", "")
    return path


def addon(t: TreeBuilder, args: str, *, esp: str = "/boot/efi") -> str:
    """An addon of ours as ukify makes it; returns its path."""
    path = f"{esp}/loader/addons/reconcile.addon.efi"
    t.write(path, unified_image({".cmdline": args.encode()}))
    return path
