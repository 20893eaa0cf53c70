"""Building unified kernel images again, by the program that made them.

Sources: kernel-install(8), ukify(1), mkinitcpio(8).
"""

from __future__ import annotations

from collections.abc import Sequence

from backends.bootloader.state import BootEntry, BootProblem, BootState, BootWish
from backends.formats.cmdline import has
from backends.steps import Expect, Run, Step


def rebuild(
    state: BootState, images: Sequence[BootEntry], wish: BootWish
) -> tuple[tuple[Step, ...], tuple[BootProblem, ...]]:
    """The steps that build every image again from /etc/kernel/cmdline, each checked after it."""
    if not images:
        return (), ()
    kernels = (state.fact("kernels") or "").split()
    known = {k: [e for e in images if _of(e, k)] for k in kernels}
    left = [e for e in images if not any(e in made for made in known.values())]
    if state.fact("kernel-install") == "yes" and not left:
        steps = [_add(k, e, wish) for k, made in known.items() for e in made]
        return tuple(steps), ()
    if state.fact("mkinitcpio") == "yes":
        return (_mkinitcpio(images[0], wish),), ()
    return (), (_no_builder(left or list(images)),)


def _of(entry: BootEntry, kernel: str) -> bool:
    return entry.kernel == kernel or entry.id.endswith(f"-{kernel}")


def _expect(entry: BootEntry, wish: BootWish) -> Expect:
    retired = tuple(a for a in wish.owned if not has(wish.args, a))
    return Expect("uki", entry.source, tuple(wish.args), (*wish.absent, *retired))


def _add(kernel: str, entry: BootEntry, wish: BootWish) -> Run:
    argv = (
        "kernel-install",
        "add",
        kernel,
        f"/boot/vmlinuz-{kernel}",
        f"/boot/initrd.img-{kernel}",
    )
    return Run(argv, timeout=600, expect=_expect(entry, wish), regenerates=True)


def _mkinitcpio(entry: BootEntry, wish: BootWish) -> Run:
    return Run(("mkinitcpio", "-P"), 1800, expect=_expect(entry, wish), regenerates=True)


def _no_builder(images: Sequence[BootEntry]) -> BootProblem:
    names = ", ".join(e.source for e in images)
    return BootProblem(
        "bootloader-unsupported",
        f"it is not known which program builds {names}",
        "install kernel-install's ukify plugin (systemd-ukify) or mkinitcpio",
        where=images[0].source,
    )
