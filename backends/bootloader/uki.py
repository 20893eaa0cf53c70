"""Giving a unified kernel image other arguments: built again by the program that made it, or with
an addon beside it where nothing here can build it (a distribution's signed image).

Sources: kernel-install(8), ukify(1), mkinitcpio(8), systemd-stub(7).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from backends import efi
from backends.bootloader import uki_addon
from backends.bootloader.state import BootEntry, BootProblem, BootState, BootWish
from backends.bootloader.wishes import retired
from backends.formats.cmdline import join
from backends.initramfs.generators import mkinitcpio
from backends.reader import Reader
from backends.steps import Expect, Run, Step

_CONF = ("/etc/kernel/install.conf", "/usr/lib/kernel/install.conf")  # the first one counts
_PLUGINS = ("/etc/kernel/install.d", "/usr/lib/kernel/install.d")
_MAKERS = ("60-ukify.install", "50-mkinitcpio.install")
_BUILDS = "builds "
_SECURE = "Secure Boot"


def builder_facts(reader: Reader, images: Sequence[BootEntry]) -> tuple[tuple[str, str], ...]:
    """For each image the command that builds it, where that is known; and the firmware's mode."""
    secure = ((_SECURE, efi.uki_signer(reader) or ""),) if efi.secure_boot(reader) else ()
    found = [(i.source, _builder(reader, i)) for i in images]
    return (
        *(secure if images else ()),
        *((_BUILDS + path, join(argv)) for path, argv in found if argv),
    )


def with_addon(state: BootState, images: Iterable[BootEntry]) -> list[BootEntry]:
    """The images that nothing here can build, but that take an addon."""
    own = [i for i in images if i.source.endswith(".efi") and not _argv(state, i)]
    return [i for i in own if uki_addon.possible(state, i)]


def rebuild(
    state: BootState, images: Sequence[BootEntry], wish: BootWish
) -> tuple[tuple[Step, ...], tuple[BootProblem, ...]]:
    """The steps that build images again from /etc/kernel/cmdline, each checked after it."""
    made: dict[tuple[str, ...], list[str]] = {}
    for image in images:
        made.setdefault(_argv(state, image), []).append(image.source)
    unknown = made.pop((), [])
    kind = "uki" if state.fact(_SECURE) is None else "signed-uki"
    gone = (*wish.absent, *retired(wish))
    steps = [
        Run(
            argv,
            timeout=1800,
            expect=Expect(kind, paths[0], tuple(wish.args), gone, words=tuple(paths[1:])),
            regenerates=True,
        )
        for argv, paths in made.items()
    ]
    return tuple(steps), (_no_builder(unknown),) if unknown else ()


def secure_boot(state: BootState, images: Sequence[BootEntry]) -> tuple[BootProblem, ...]:
    """Under Secure Boot an image that nobody signs does not start: none is then made."""
    signer = state.fact(_SECURE)
    if signer is None:
        return ()
    message = "Secure Boot is on: a unified kernel image that is made here must be signed"
    hint = f"{signer} does so; the result is looked at" if signer else efi.HOW_TO_SIGN
    where = images[0].source
    return (BootProblem("secure-boot-uki", message, hint, where, refuse=not signer),)


def _argv(state: BootState, image: BootEntry) -> tuple[str, ...]:
    return tuple((state.fact(_BUILDS + image.source) or "").split())


def _builder(reader: Reader, image: BootEntry) -> tuple[str, ...]:
    if image.source in mkinitcpio.unified_images(reader):
        return ("mkinitcpio", "-P")
    if not _kernel_install_makes_images(reader):
        return ()
    kernels = reader.list("/lib/modules")
    kernel = next((k for k in kernels if image.kernel == k or image.id.endswith(f"-{k}")), None)
    if kernel is None:
        return ()
    vmlinuz, initrd = f"/boot/vmlinuz-{kernel}", f"/boot/initrd.img-{kernel}"
    if reader.exists(vmlinuz):
        given = (initrd,) if reader.exists(initrd) else ()
        return ("kernel-install", "add", kernel, vmlinuz, *given)
    vmlinuz = f"/lib/modules/{kernel}/vmlinuz"
    return ("kernel-install", "add", kernel, vmlinuz) if reader.exists(vmlinuz) else ()


def _kernel_install_makes_images(reader: Reader) -> bool:
    texts = [text for path in _CONF if (text := reader.read_text(path)) is not None]
    lines = texts[0].splitlines() if texts else []
    if not (reader.exists("/usr/bin/kernel-install") and "layout=uki" in map(str.strip, lines)):
        return False
    return any(reader.exists(f"{folder}/{name}") for folder in _PLUGINS for name in _MAKERS)


def _no_builder(paths: Sequence[str]) -> BootProblem:
    return BootProblem(
        "bootloader-unsupported",
        f"it is not known which program builds {', '.join(paths)}",
        "install kernel-install's ukify plugin (systemd-ukify) and say layout=uki in "
        "/etc/kernel/install.conf; or ukify alone, for an addon",
        where=paths[0],
    )
