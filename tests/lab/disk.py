"""A root file system tar becomes a GPT disk in a file: no loop device, no mount."""

from __future__ import annotations

import os
import secrets
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

from . import wheels
from .base import HERE, call, need
from .flavours import Flavour

MIB = 1 << 20
ESP_MIB = 512
ROOT_MIB = 6144
# Types: BIOS boot, EFI system, root for x86-64 (Discoverable Partitions Specification).
_LAYOUT = """label: gpt
start=1MiB, size=1MiB, type=21686148-6449-6E6F-744E-656564454649, name=bios
start=2MiB, size={esp}MiB, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name=esp
start={root_at}MiB, size={root}MiB, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, name=root
"""
# initramfs-tools with its default (MODULES=most) takes 7 minutes in an emulated guest.
_INITRAMFS = "MODULES=dep\nCOMPRESS=zstd\nCOMPRESSLEVEL=1\n"
# A shell without a login: a session of root's would start a service manager of its own.
_GETTY = "-/sbin/agetty --skip-login --login-program /bin/bash --keep-baud 115200 - $TERM"
_LOGIN = f"[Service]\nExecStart=\nExecStart={_GETTY}\nEnvironment=HOME=/root\n"
# An emulator keeps its translation of a program by address: with random ones it translates every
# program anew each time that it is started, and a shell script takes four times as long.
_SYSCTL = "kernel.randomize_va_space = 0\n"
# What a guest of an hour's life does not need, and what only makes its boot longer.
_MASKED = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "libvirt-guests.service",
    "nvmf-autoconnect.service",
    "systemd-binfmt.service",
)
AGENT = (HERE / "inside" / "agent.sh", HERE / "inside" / "lab-agent.service")


@dataclass(frozen=True, slots=True)
class RawDisk:
    """A disk without a boot loader, and what boots it all the same."""

    disk: Path
    kernel: Path
    initrd: Path
    root_uuid: str
    python: str

    @property
    def append(self) -> str:
        """The kernel command line that reaches its root file system."""
        return f"root=UUID={self.root_uuid} rw console=ttyS0 no_timer_check"


def make(flavour: Flavour, tar: Path, work: Path) -> RawDisk:
    """Unpack the tar, add the lab's agent and the tool's environment, and write work/disk.raw."""
    need("tar", "zstd", "sfdisk", "mkfs.vfat", "mke2fs", "chroot")
    root = work / "root"
    root.mkdir()
    unpack = ("-I", "zstd", "-xpf", tar, "--numeric-owner", "--xattrs", "--xattrs-include=*")
    call("tar", "-C", root, *unpack)
    _agent(root)
    python = _environment(root)
    root_uuid, esp_id = str(uuid.uuid4()), secrets.token_hex(4).upper()
    _configure(root, flavour.name, root_uuid, esp_id)
    kernel, initrd = _copy_kernel(root, work)
    disk = work / "disk.raw"
    _partition(disk, work / "layout")
    _file_systems(disk, root, root_uuid, esp_id)
    shutil.rmtree(root)
    return RawDisk(disk, kernel, initrd, root_uuid, python)


def _agent(root: Path) -> None:
    agent, unit = AGENT
    shutil.copyfile(agent, root / "usr/local/sbin/lab-agent")
    (root / "usr/local/sbin/lab-agent").chmod(0o755)
    units = root / "etc/systemd/system"
    shutil.copyfile(unit, units / unit.name)
    (units / "multi-user.target.wants").mkdir(exist_ok=True)
    (units / "multi-user.target.wants" / unit.name).symlink_to(f"../{unit.name}")
    for name in _MASKED:
        (units / name).symlink_to("/dev/null")
    login = units / "serial-getty@.service.d" / "lab.conf"
    login.parent.mkdir()
    login.write_text(_LOGIN)


def _environment(root: Path) -> str:
    """A virtual environment in /opt/reconcile with all the tool needs but the tool; returns the
    guest's Python version. Made by chroot, because it takes minutes when emulated."""
    show = "import sys; print('%d.%d' % sys.version_info[:2])"
    python = call("chroot", root, "/usr/bin/python3", "-c", show).strip()
    inside = root / "tmp/wheels"
    shutil.copytree(wheels.wheelhouse(python), inside)
    call("chroot", root, "/usr/bin/python3", "-m", "venv", "/opt/reconcile")
    pip = ("/opt/reconcile/bin/pip", "--quiet", "--disable-pip-version-check", "install")
    offline = ("--no-index", "--find-links=/tmp/wheels", "--no-cache-dir")
    call("chroot", root, *pip, *offline, *wheels.dependencies())
    shutil.rmtree(inside)
    return python


def _configure(root: Path, name: str, root_uuid: str, esp_id: str) -> None:
    if (root / "etc/initramfs-tools").is_dir():
        (root / "etc/initramfs-tools/conf.d/lab").write_text(_INITRAMFS)
    (root / "etc/fstab").write_text(
        f"UUID={root_uuid} / ext4 errors=remount-ro 0 1\n"
        f"UUID={esp_id[:4]}-{esp_id[4:]} /boot/efi vfat umask=0077 0 2\n"
    )
    (root / "etc/sysctl.d/lab.conf").write_text(_SYSCTL)
    (root / "boot/efi").mkdir(exist_ok=True)
    (root / "etc/hostname").write_text(f"lab-{name}\n")


def _copy_kernel(root: Path, work: Path) -> tuple[Path, Path]:
    (kernel,) = (root / "boot").glob("vmlinuz-*")
    (initrd,) = (root / "boot").glob("initrd.img-*")
    return (
        Path(shutil.copyfile(kernel, work / "vmlinuz")),
        Path(shutil.copyfile(initrd, work / "initrd")),
    )


def _partition(disk: Path, layout: Path) -> None:
    with open(disk, "wb") as handle:
        os.truncate(handle.fileno(), (2 + ESP_MIB + ROOT_MIB + 1) * MIB)
    layout.write_text(_LAYOUT.format(esp=ESP_MIB, root_at=2 + ESP_MIB, root=ROOT_MIB))
    call("sh", "-c", 'exec sfdisk -q "$1" <"$2"', "sh", disk, layout)


def _file_systems(disk: Path, root: Path, root_uuid: str, esp_id: str) -> None:
    sectors = ("--offset", str(2 * MIB // 512))
    call("mkfs.vfat", "-F32", "-n", "ESP", "-i", esp_id, *sectors, disk, str(ESP_MIB * 1024))
    ext4 = ("-q", "-F", "-t", "ext4", "-U", root_uuid, "-L", "root", "-d", root)
    offset = f"offset={(2 + ESP_MIB) * MIB}"
    call("mke2fs", *ext4, "-E", offset, disk, f"{ROOT_MIB}M")
