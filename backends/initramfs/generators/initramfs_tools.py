"""initramfs-tools (Debian, Ubuntu): a hook of ours adds modules, update-initramfs makes images.

Sources: initramfs-tools(7), update-initramfs(8), /usr/share/initramfs-tools/hook-functions.
"""

from __future__ import annotations

from collections.abc import Sequence

from backends.initramfs.expect import expect_made_again, list_image
from backends.initramfs.state import Contents, InitramfsState, OwnFile
from backends.reader import Reader
from backends.steps import Run, Step

HOOK = "/etc/initramfs-tools/hooks/reconcile"
CONFIG = "/etc/initramfs-tools/update-initramfs.conf"
PROGRAM = "/usr/sbin/update-initramfs"


class InitramfsTools:
    """The backend."""

    name = "initramfs-tools"
    own_paths = (HOOK,)

    def detect(self, reader: Reader) -> tuple[str, ...]:
        """The program, and the folder that only initramfs-tools has."""
        if not (reader.exists(PROGRAM) and reader.exists("/etc/initramfs-tools")):
            return ()
        # Where dracut took over, a program of the same name may serve old scripts.
        if reader.exists("/usr/bin/dracut") and "mkinitramfs" not in (
            reader.read_text(PROGRAM) or ""
        ):
            return ()
        return (f"{PROGRAM} exists", "/etc/initramfs-tools exists")

    def read(self, reader: Reader, evidence: tuple[str, ...]) -> InitramfsState:
        """Images are /boot/initrd.img-VERSION."""
        kernels = reader.list("/lib/modules")  # update-initramfs skips what has none
        images = [f"/boot/initrd.img-{kernel}" for kernel in kernels]
        images = [image for image in images if reader.exists(image)]
        return InitramfsState(self.name, evidence, tuple(images), _blocked(reader))

    def own_files(self, modules: Sequence[str], files: Sequence[str], header: str) -> list[OwnFile]:
        """modprobe.d and udev rules are copied anyway; the hook adds and force-loads modules."""
        loads = "".join(f"force_load {module}\n" for module in modules)
        text = (
            f"#!/bin/sh\n{header}"
            'case "$1" in prereqs) exit 0 ;; esac\n'
            f". /usr/share/initramfs-tools/hook-functions\n{loads}"
        )
        return [OwnFile(HOOK, text, 0o755)] if modules else []

    def regenerate(self, state: InitramfsState, contents: Contents) -> tuple[Step, ...]:
        """All kernels: -u alone would make the newest one's only. Each image is made aside and
        renamed by update-initramfs itself, which then lets the boot loader's hooks take it over."""
        argv = ("update-initramfs", "-u", "-k", "all")
        expect = expect_made_again(state.images) if state.images else None
        looks = tuple(list_image("lsinitramfs", image, contents) for image in state.images)
        return (Run(argv, timeout=1800, expect=expect, regenerates=True), *looks)


BACKEND = InitramfsTools()


def _blocked(reader: Reader) -> str:
    """update-initramfs ends well without doing anything then."""
    for line in (reader.read_text(CONFIG) or "").splitlines():
        if line.strip().replace('"', "") == "update_initramfs=no":
            return f"{CONFIG} says update_initramfs=no"
    return ""
