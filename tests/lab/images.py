"""Disk images: built once per flavour, named by a digest of everything that goes into them."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from . import accel, disk, rootfs, wheels
from .base import HERE, call, digest, locked, need, subdir, texts, used
from .flavours import Flavour, named
from .guest import Guest
from .qemu import DirectBoot, Setup, ovmf

INSIDE = HERE / "inside"


@dataclass(frozen=True, slots=True)
class Image:
    """A finished image: a disk that boots by itself. `kernel` is installed, `spare_kernel` lies in
    /var/lib/lab as packages (versions as uname -r has them)."""

    folder: Path
    flavour: Flavour
    python: str
    root_uuid: str
    kernel: str
    spare_kernel: str

    @property
    def disk(self) -> Path:
        """The disk, never written: guests have overlays over it."""
        return self.folder / "disk.qcow2"

    @property
    def direct(self) -> DirectBoot:
        """Its kernel, started by QEMU and not by the boot loader."""
        append = f"root=UUID={self.root_uuid} rw console=ttyS0 no_timer_check"
        return DirectBoot(self.folder / "vmlinuz", self.folder / "initrd", append)

    @property
    def nvram(self) -> Path | None:
        """The UEFI variables that the installation left; None with BIOS."""
        return self.folder / "vars.fd" if self.flavour.firmware == "uefi" else None


def key(flavour: Flavour) -> str:
    """Changes with every input: packages, scripts, dependencies, the layout of the disk."""
    files = [*disk.AGENT, *_finalize(flavour), Path(disk.__file__)]
    return digest(rootfs.key(flavour), *wheels.dependencies(), *texts(files))


def ensure(name: str) -> Image:
    """The image of a flavour, built when its inputs changed."""
    flavour = named(name)
    folder = subdir("images") / f"{name}-{key(flavour)}"
    with locked(f"image-{name}"):
        if not (folder / "meta.json").exists():
            _build(flavour, folder)
    return Image(used(folder), flavour, **json.loads((folder / "meta.json").read_text()))


@dataclass(frozen=True, slots=True)
class _Meta:
    """What meta.json holds."""

    python: str
    root_uuid: str
    kernel: str
    spare_kernel: str


def _build(flavour: Flavour, folder: Path) -> None:
    need("qemu-img")
    tar = rootfs.ensure(flavour)
    work = Path(tempfile.mkdtemp(prefix=f"build-{flavour.name}.", dir=subdir("runs")))
    raw = disk.make(flavour, tar, work)
    unfinished = work / "image"
    unfinished.mkdir()
    call(*("qemu-img", "convert", "-f", "raw", "-O", "qcow2"), raw.disk, unfinished / "disk.qcow2")
    raw.disk.unlink()
    kernels = _install_loader(flavour, raw, unfinished)
    meta = _Meta(raw.python, raw.root_uuid, kernels["installed"], kernels["spare"])
    raw.kernel.rename(unfinished / "vmlinuz")
    raw.initrd.rename(unfinished / "initrd")
    (unfinished / "meta.json").write_text(json.dumps(asdict(meta), indent=1))
    unfinished.rename(folder)
    shutil.rmtree(work)  # only now: a build that failed leaves its console log


def _install_loader(flavour: Flavour, raw: disk.RawDisk, image: Path) -> dict[str, str]:
    """Boot the disk once and let the distribution's own commands install the boot loader."""
    nvram = None
    if flavour.firmware == "uefi":
        nvram = Path(shutil.copyfile(ovmf() / "OVMF_VARS_4M.fd", image / "vars.fd"))
    direct = DirectBoot(raw.kernel, raw.initrd, raw.append)
    target = image / "disk.qcow2"
    kind = accel.choose(target, direct)
    work = image.parent
    setup = Setup(work, target, nvram, "small", kind, direct, scratch=True)
    with Guest(setup) as guest:
        log = guest.out("\n".join(script.read_text() for script in _finalize(flavour)))
        kernels = guest.out("cat /var/lib/lab/kernels")
    (image / "finalize.log").write_text(log)
    return dict(line.split("=", 1) for line in kernels.splitlines())


def _finalize(flavour: Flavour) -> list[Path]:
    return [INSIDE / "finalize.sh", INSIDE / f"finalize-{flavour.finalize}.sh"]
