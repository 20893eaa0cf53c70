"""An EFI system partition that real systemd-boot runs from, under OVMF.

The firmware's own shell does what bootctl does on a running host: it sets LoaderEntryOneShot, once.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.lab.base import call, need

_OVMF = Path("/usr/share/OVMF")
_VENDOR = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
_SCRIPT = """@echo -off
fs0:
if exist fs0:\\armed then
  rm fs0:\\armed
  setvar LoaderEntryOneShot -guid {vendor} -nv -bs -rt =L"{choice}" =0x0000
endif
\\EFI\\systemd\\systemd-bootx64.efi
"""


def make(disk: Path, root: Path, esp: Path, choice: str) -> None:
    """A disk with the loader and the kernel of ``root``, and the entries of the folder ``esp``,
    which all start that kernel; ``choice`` is for the first boot."""
    need("mkfs.vfat", "mcopy", "mmd")
    with disk.open("wb") as file:
        file.truncate(64 << 20)
    call("mkfs.vfat", disk)
    call("mmd", "-i", disk, "::/EFI", "::/EFI/systemd", "::/loader", "::/loader/entries")
    loader = next((root / "usr/lib/systemd/boot/efi").glob("systemd-bootx64.efi*"))
    (kernel,) = (root / "boot").glob("vmlinuz-*")
    script = disk.with_suffix(".nsh")
    script.write_text(_SCRIPT.format(vendor=_VENDOR, choice=choice).replace("\n", "\r\n"))
    files = {"EFI/systemd/systemd-bootx64.efi": loader, "linux": kernel, "startup.nsh": script}
    files |= {"armed": script, "loader/loader.conf": esp / "loader/loader.conf"}
    files |= {f"loader/entries/{p.name}": p for p in (esp / "loader/entries").iterdir()}
    for name, path in files.items():
        call("mcopy", "-i", disk, path, f"::/{name}")


def firmware(disk: Path) -> list[str]:
    """QEMU's options for UEFI with variables of the disk's own."""
    variables = disk.with_suffix(".vars")
    shutil.copyfile(_OVMF / "OVMF_VARS_4M.fd", variables)
    code = f"if=pflash,format=raw,readonly=on,file={_OVMF / 'OVMF_CODE_4M.fd'}"
    return ["-machine", "q35", "-drive", code, "-drive", f"if=pflash,format=raw,file={variables}"]


def entries(disk: Path) -> list[str]:
    """The names of the entry files that are on the disk now."""
    out = call("mdir", "-b", "-i", disk, "::/loader/entries")
    return sorted(line.rpartition("/")[2] for line in out.split())
