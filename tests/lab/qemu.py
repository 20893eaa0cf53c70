"""The QEMU command line of a guest: its machine, its disk, its firmware, its channels."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .base import LabError, call
from .machines import KINDS

Accel = Literal["tcg", "kvm"]
# Single-threaded: the guest's own races stay the same, and two guests share two CPUs.
_ACCEL = {"tcg": "tcg,thread=single,tb-size=512", "kvm": "kvm"}


def ovmf() -> Path:
    """The folder with the UEFI firmware; $RECONCILE_LAB_OVMF replaces Debian's."""
    path = Path(os.environ.get("RECONCILE_LAB_OVMF") or "/usr/share/OVMF")
    if not (path / "OVMF_CODE_4M.fd").exists():
        raise LabError(f"no OVMF_CODE_4M.fd in {path} (Debian package ovmf)")
    return path


def program() -> str:
    """The emulator; $RECONCILE_LAB_QEMU replaces the one on PATH."""
    return os.environ.get("RECONCILE_LAB_QEMU") or "qemu-system-x86_64"


@dataclass(frozen=True, slots=True)
class DirectBoot:
    """A kernel that QEMU loads itself, without the disk's boot loader."""

    kernel: Path
    initrd: Path
    append: str

    def with_more(self, append: str) -> DirectBoot:
        """The same with more kernel arguments."""
        return DirectBoot(self.kernel, self.initrd, f"{self.append} {append}")

    def argv(self) -> list[str]:
        """QEMU's arguments for it."""
        return [
            *("-kernel", str(self.kernel)),
            *("-initrd", str(self.initrd)),
            *("-append", self.append),
        ]


@dataclass(frozen=True, slots=True)
class Setup:
    """All that a guest is started with. `work` holds its overlay, UEFI variables and console log;
    `scratch` disks are thrown away, so flushes need not reach this machine's disk."""

    work: Path
    disk: Path
    nvram: Path | None
    machine: str
    accel: Accel
    direct: DirectBoot | None = None
    serial: Literal["log", "stdio"] = "log"
    scratch: bool = False

    @property
    def share(self) -> Path:
        """The folder that guest and tests share."""
        return self.work / "share"

    @property
    def console(self) -> Path:
        """The log of the guest's serial console, all boots in one."""
        return self.work / "console.log"

    def argv(self) -> list[str]:
        """The whole command line."""
        words = [program(), "-nodefaults", "-no-user-config", "-display", "none"]
        words += ["-accel", _ACCEL[self.accel], *KINDS[self.machine](self.accel == "kvm")]
        words += [*self._firmware(), *self._disk(), *self._channels()]
        return words + (self.direct.argv() if self.direct else [])

    def _firmware(self) -> list[str]:
        if self.nvram is None:
            return []
        code = f"if=pflash,format=raw,readonly=on,file={ovmf()}/OVMF_CODE_4M.fd"
        return ["-drive", code, "-drive", f"if=pflash,format=raw,file={self.nvram}"]

    def _disk(self) -> list[str]:
        # A power cut kills QEMU: what the guest has flushed must be in the file by then, and with
        # cache=unsafe the tables of the qcow2 file would not be.
        cache = "unsafe" if self.scratch else "writeback"
        drive = f"if=none,id=sys,format=qcow2,cache={cache},discard=unmap,file={self.disk}"
        return [
            "-drive",
            drive,
            "-device",
            "virtio-blk-pci,drive=sys,bus=pcie.0,addr=0x3,bootindex=1",
        ]

    def _channels(self) -> list[str]:
        share = f"local,id=lab,path={self.share},security_model=none,multidevs=remap"
        return [
            *("-fsdev", share),
            *("-device", "virtio-9p-pci,fsdev=lab,mount_tag=lab,bus=pcie.0,addr=0x4"),
            *("-device", "virtio-rng-pci,bus=pcie.0,addr=0x5"),
            *("-device", "VGA,bus=pcie.0,addr=0x2"),
            *self._serial(),
        ]

    def _serial(self) -> list[str]:
        if self.serial == "stdio":
            con = f"stdio,id=con,mux=on,signal=off,logfile={self.console},logappend=on"
            return ["-chardev", con, "-serial", "chardev:con", "-mon", "chardev=con"]
        return ["-chardev", f"file,id=con,path={self.console},append=on", "-serial", "chardev:con"]


def overlay(work: Path, base: Path, nvram: Path | None) -> tuple[Path, Path | None]:
    """A disk and UEFI variables of the guest's own, in `work`; the image stays as it is."""
    disk = work / "overlay.qcow2"
    call("qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base.resolve(), disk)
    if nvram is None:
        return disk, None
    return disk, Path(shutil.copyfile(nvram, work / "vars.fd"))
