"""Hosts whose boot entries a tool of the distribution writes, and stand-ins for these tools.

None of the tools runs in the tests: each function below does what the tool's source says that it
does to the files that matter (proxmox-kernel-helper, pop-os/kernelstub, openSUSE/sdbootutil).
"""

from __future__ import annotations

import json

from backends.formats.kernel_cmdline_file import ReadBy, read_cmdline_file
from tests.simulator.esp import LOADER_INFO, ROOT, TOKEN
from tests.simulator.tree import TreeBuilder

KERNELS = ("6.8.12-4-pve", "6.8.12-5-pve")
POP_UUID = "0b6c1b7c-5a3f-4f63-9d39-6a0f3f1f2a11"
SNAPSHOT = "rootflags=subvol=@/.snapshots/1/snapshot"
CONFIGURATION = "etc/kernelstub/configuration"


def _booted(t: TreeBuilder, release: str, args: str) -> None:
    t.write("/etc/machine-id", TOKEN + "\n")
    t.write("/etc/os-release", release)
    t.write("/proc/cmdline", f"initrd=\\EFI\\x\\initrd {ROOT} {args}\n")
    t.write(LOADER_INFO, b"\7\0\0\0" + "systemd-boot 254\0".encode("utf-16-le"))
    t.write("/boot/efi/loader/loader.conf", "timeout 3\n")
    t.write("/boot/efi/EFI/systemd/systemd-bootx64.efi", b"MZ")


def _line(t: TreeBuilder, read_by: ReadBy) -> str:
    text = (t.root / "etc/kernel/cmdline").read_text()
    return " ".join(read_cmdline_file(text, read_by))


def proxmox(t: TreeBuilder, args: str, *, mounted: bool = True) -> None:
    """Proxmox VE on ZFS with EFI. Its ESPs are unmounted as a rule."""
    _booted(t, "ID=debian\n", args)
    t.write("/etc/kernel/proxmox-boot-uuids", "AAAA-BBBB\n")
    t.write("/usr/sbin/proxmox-boot-tool", "")
    t.write("/etc/kernel/cmdline", f"{ROOT} {args}\nsecond line that nobody reads\n")
    if mounted:
        proxmox_refresh(t)


def proxmox_refresh(t: TreeBuilder) -> None:
    """``proxmox-boot-tool refresh``: every kernel's entry, from the first line."""
    line = _line(t, ReadBy.FIRST_LINE)
    for kernel in KERNELS:
        t.write(
            f"/boot/efi/loader/entries/proxmox-{kernel}.conf",
            f"title    Proxmox Virtual Environment\nversion  {kernel}\noptions   {line}\n"
            f"linux    /EFI/proxmox/{kernel}/vmlinuz-{kernel}\n"
            f"initrd   /EFI/proxmox/{kernel}/initrd.img-{kernel}\n",
        )


def suse_bls(t: TreeBuilder, args: str, kind: str = "grub2-bls") -> None:
    """Tumbleweed with entries on the ESP, written by sdbootutil."""
    _booted(t, 'ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"\n', args)
    t.write("/etc/sysconfig/bootloader", f'LOADER_TYPE="{kind}"\n')
    t.write("/usr/bin/sdbootutil", "")
    t.write("/etc/kernel/cmdline", f"# by the installer\n{ROOT} {args}\n")
    if kind == "grub2-bls":
        t.write(LOADER_INFO, b"\7\0\0\0" + "GRUB 2.12\0".encode("utf-16-le"))
        t.write("/proc/cmdline", f"BOOT_IMAGE=/x {ROOT} {args}\n")
    sdbootutil_update(t)


def sdbootutil_update(t: TreeBuilder) -> None:
    """``sdbootutil update-all-entries``: the line, and the snapshot's root at its end."""
    line = _line(t, ReadBy.UNCOMMENTED)
    words = line.split(" -- ", 1)
    words[0] = f"{words[0]} {SNAPSHOT}"
    for snapshot in (1, 2):
        name = f"system-opensuse-tumbleweed-6.11.0-1-default-{snapshot}"
        t.write(
            f"/boot/efi/loader/entries/{name}.conf",
            f"# Boot Loader Specification type#1 entry\ntitle      openSUSE Tumbleweed\n"
            f"version    {snapshot}@6.11.0\noptions    {' -- '.join(words)}\n"
            "linux      /opensuse-tumbleweed/6.11.0/linux-x\n"
            "initrd     /opensuse-tumbleweed/6.11.0/initrd-x\n",
        )


def pop_os(t: TreeBuilder, args: str, *, setup_loader: bool = True) -> None:
    """Pop!_OS with its recovery partition's entry."""
    _booted(t, "ID=pop\nID_LIKE=ubuntu debian\n", args)
    t.write("/usr/bin/kernelstub", "")
    default = {
        "kernel_options": ["quiet", "splash"],
        "esp_path": "/boot/efi",
        "setup_loader": False,
        "manage_mode": False,
        "force_update": False,
        "live_mode": False,
        "config_rev": 3,
    }
    user = {
        **default,
        "kernel_options": args.split(),
        "setup_loader": setup_loader,
        "manage_mode": True,
    }
    t.write(f"/{CONFIGURATION}", json.dumps({"default": default, "user": user}, indent=2))
    t.write(
        "/boot/efi/loader/entries/Recovery-9C33.conf",
        "title Pop!_OS Recovery\nlinux /EFI/Recovery-9C33/vmlinuz.efi\n"
        "initrd /EFI/Recovery-9C33/initrd.gz\noptions boot=casper hostname=recovery quiet\n",
    )
    kernelstub(t)


def kernelstub(t: TreeBuilder) -> None:
    """``kernelstub``: both entries where it sets up a loader, and its file in its spelling."""
    data = json.loads((t.root / CONFIGURATION).read_text())
    words = " ".join(data["user"]["kernel_options"])
    if data["user"]["setup_loader"]:
        folder = f"EFI/Pop_OS-{POP_UUID}"
        for name, suffix in (("current", ""), ("oldkern", "-previous")):
            t.write(
                f"/boot/efi/loader/entries/Pop_OS-{name}.conf",
                f"title Pop!_OS\nlinux /{folder}/vmlinuz{suffix}.efi\n"
                f"initrd /{folder}/initrd.img{suffix}\noptions {ROOT} {words}\n",
            )
    t.write(f"/{CONFIGURATION}", json.dumps(data, indent=2))
