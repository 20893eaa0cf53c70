"""What the kernel that runs says about the boot loader that started it.

Sources: GRUB's loader/i386/linux.c (BOOT_IMAGE=); systemd-boot(7), systemd-stub(7) and GRUB's bli
module (LoaderInfo, StubInfo); the kernel's EFI stub (initrd=).
"""

from __future__ import annotations

from backends import efi
from backends.bootloader.state import Strength
from backends.reader import Reader


def by(
    reader: Reader, name: str, *, grub: bool = False, mute: bool = False
) -> tuple[Strength, tuple[str, ...]]:
    """How well a loader fits what runs, and the sentence that says so, if one does.

    ``name`` is how it begins what it leaves in LoaderInfo; ``mute``: it leaves nothing there.
    ``grub``: it puts BOOT_IMAGE= on the command line, which no other does.
    """
    info = efi.loader_variable(reader, "LoaderInfo")
    if info is not None and info.startswith(name):
        return Strength.STARTED, (f"LoaderInfo says {info}",)
    by_grub = "BOOT_IMAGE=" in (reader.read_text("/proc/cmdline") or "")
    if grub:  # GRUB says its name from 2.12 on, and only where its bli module is loaded
        said = ("BOOT_IMAGE= is on the running command line",)
        return (Strength.FITS, said) if by_grub else (Strength.LIES_THERE, ())
    silent = info is None and (mute or not efi.has_variables(reader))
    return (Strength.FITS if silent and not by_grub else Strength.LIES_THERE), ()
