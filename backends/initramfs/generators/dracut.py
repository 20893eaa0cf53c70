"""dracut (Fedora, RHEL, SUSE, Gentoo, Ubuntu 25.10): a drop-in of ours adds drivers and files.

Sources: dracut(8), dracut.conf(5), and /usr/bin/dracut 059 and 106: the image is copied over the
old one, which is neither atomic nor safe on a full disk (dracut removes it then). So every image
is made aside, looked into, and renamed.
"""

from __future__ import annotations

from collections.abc import Sequence

from backends.formats.dracut_conf import render_dracut_conf
from backends.initramfs.expect import expect_made_again, list_image, made_aside
from backends.initramfs.state import Contents, InitramfsState, OwnFile
from backends.reader import Reader
from backends.steps import Run, Step

DROP_IN = "/etc/dracut.conf.d/reconcile.conf"
HOOKS = "/etc/initramfs/post-update.d"
_PROGRAMS = ("/usr/bin/dracut", "/usr/sbin/dracut")
_BOOTS = ("/efi", "/boot", "/boot/efi")


class Dracut:
    """The backend."""

    name = "dracut"
    own_paths = (DROP_IN,)

    def detect(self, reader: Reader) -> tuple[str, ...]:
        """The program, and an image where it puts one for a kernel that is installed."""
        program = next((p for p in _PROGRAMS if reader.exists(p)), None)
        images = _images(reader) if program else []
        return (f"{program} exists", f"{images[0][1]} exists") if images else ()

    def read(self, reader: Reader, evidence: tuple[str, ...]) -> InitramfsState:
        """One image a kernel; the rescue image, made once and for any machine, is left alone."""
        images = _images(reader)
        in_place = bool(reader.list(HOOKS))  # a boot loader copies the image: it wants its name
        recipes = [("dracut", "--force", "--kver", kernel) for kernel, _ in images]
        return InitramfsState(
            self.name,
            evidence,
            tuple(image for _, image in images),
            recipes=() if in_place else tuple(recipes),
        )

    def own_files(self, modules: Sequence[str], files: Sequence[str], header: str) -> list[OwnFile]:
        """Drivers that are loaded before udev starts. Files are named too: only where hostonly is
        on does dracut take /etc/modprobe.d along, and rules of /etc/udev it never does."""
        if not modules:
            return []
        text = header + render_dracut_conf((), modules)
        if files:
            text += f'install_items+=" {" ".join(files)} "\n'
        return [OwnFile(DROP_IN, text)]

    def regenerate(self, state: InitramfsState, contents: Contents) -> tuple[Step, ...]:
        """Each image aside; all in place where hooks follow, and made again if that fails."""
        if state.recipes:
            pairs = zip(state.images, state.recipes, strict=True)
            made = (made_aside("lsinitrd", image, argv, contents) for image, argv in pairs)
            return tuple(step for steps in made for step in steps)
        argv = ("dracut", "--force", "--regenerate-all")
        expect = expect_made_again(state.images)
        looks = (list_image("lsinitrd", image, contents) for image in state.images)
        return (Run(argv, timeout=1800, expect=expect, regenerates=True), *looks)


BACKEND = Dracut()


def _images(reader: Reader) -> list[tuple[str, str]]:
    """(kernel, image) as dracut(8) chooses the name: the first folder or file that is there."""
    machine = (reader.read_text("/etc/machine-id") or "").strip()
    found = []
    for kernel in reader.list("/lib/modules"):
        names = [f"{boot}/{machine}/{kernel}/initrd" for boot in _BOOTS if machine]
        names += [f"/lib/modules/{kernel}/initrd"]
        names += [f"/boot/{n}-{kernel}" for n in ("initrd", "initrd.img")]
        names += [f"/boot/initramfs-{kernel}.img"]
        found += [(kernel, name) for name in names if reader.exists(name)][:1]
    return found
