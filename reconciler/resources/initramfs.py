"""The initramfs: made again once, when a file that acts from within it has changed."""

from __future__ import annotations

from collections.abc import Sequence

from backends.bootloader.room import HINT
from backends.initramfs import UNKNOWN, generator, own_paths
from backends.initramfs.state import Contents
from reconciler.context import BOOT_GROUP, Context, FileWish, Result, Wishes
from reconciler.model import Change, Claim, Effective, Finding, refuse, warn
from reconciler.resources.files import RESOURCE as FILES

SECTION = "initramfs"


class Initramfs:
    """Early modules, and the images."""

    kind = "initramfs"
    order = 70
    own_paths = own_paths()

    def wishes(self, ctx: Context) -> Wishes:
        """Nothing of its own: see ``derived``."""
        return Wishes()

    def plan(self, ctx: Context, wishes: Wishes) -> Result:
        """One change when it is due, after the files it is due for."""
        causes = [c for c in FILES.plan(ctx, wishes).changes if _acts_inside(c)]
        state = ctx.state.initramfs
        due = causes or ctx.owned.get(SECTION, "due")
        if not due and not state.behind:
            return Result()
        if state.blocked:
            return Result(findings=(_blocked(state.blocked),))
        if state.generator == UNKNOWN:
            inside = [f for f in wishes.files if f.in_initramfs]
            return Result(findings=(_unknown(inside),) if inside else ())
        if state.lacks_room:
            where = state.lacks_room.partition(" ")[0]
            return Result(findings=(refuse("esp-full", where, state.lacks_room, HINT),))
        change = Change(
            id="initramfs",
            kind="initramfs",
            object=", ".join(state.images) or state.generator,
            field="content",
            before="made before these files changed",
            after=f"made again by {state.generator}",
            because=_because(causes, bool(due)),
            steps=generator(state.generator).regenerate(state, _contents(ctx, wishes, causes)),
            effective=Effective.REBOOT,
            requires=frozenset(c.id for c in causes),
            group=BOOT_GROUP,
            claims=(Claim(SECTION, "due", None, settled=True),),
        )
        return Result(changes=(change,))


RESOURCE = Initramfs()


def derived(ctx: Context, wishes: Wishes) -> tuple[FileWish, ...]:
    """The files from which the wished modules and files get into the image."""
    state = ctx.state.initramfs
    if not wishes.early_modules or state.generator == UNKNOWN:
        return ()
    inside = [f for f in wishes.files if f.in_initramfs]
    because = ", ".join(dict.fromkeys(f.because for f in inside)) or "early modules"
    files = generator(state.generator).own_files(
        wishes.early_modules, [f.path for f in inside], ctx.header
    )
    return tuple(
        FileWish(f.path, f.text.encode(), because, mode=f.mode, in_initramfs=True) for f in files
    )


def _contents(ctx: Context, wishes: Wishes, causes: Sequence[Change]) -> Contents:
    """What the images must hold: the generator's own configuration is not copied into them."""
    configuration = own_paths()
    wanted = [f.path for f in wishes.files if f.in_initramfs and f.path not in configuration]
    changed = [c.object for c in causes if c.object not in configuration]
    return Contents(
        modules=wishes.early_modules,
        files=tuple(wanted),
        gone=tuple(path for path in changed if path not in wanted),
    )


def _because(causes: Sequence[Change], due: bool) -> str:
    if causes:
        return ", ".join(dict.fromkeys(c.because for c in causes))
    return "an interrupted run" if due else "an image is older than the files in it"


def due(claim: Claim) -> bool:
    """Whether a claim only says that the images are to be made again."""
    return (claim.section, claim.key) == (SECTION, "due")


def _acts_inside(change: Change) -> bool:
    return any(map(due, change.claims))


def _blocked(why: str) -> Finding:
    message = f"the initramfs cannot be made again: {why}"
    return refuse("initramfs-blocked", "device", message, "allow it there, then run again")


def _unknown(files: Sequence[FileWish]) -> Finding:
    """Nothing is unsafe then, only late: a driver in the initramfs may have the device first."""
    named = ", ".join(f.path for f in files)
    message = (
        "no initramfs generator that reconcile knows was found: at boot, drivers in the initramfs "
        f"may take the device before {named}"
    )
    hint = "install initramfs-tools, dracut or mkinitcpio; or apply again after each boot"
    return warn("initramfs-unknown", "device", message, hint)
