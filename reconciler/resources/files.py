"""Whole files of ours: written as wished, put back as they were when no longer wished."""

from __future__ import annotations

from backends.bootloader.in_place import same_but_header
from backends.bootloader.state import OwnedFile
from backends.steps import RemoveFile, Step, WriteFile
from reconciler.context import BOOT_GROUP, Context, FileWish, Result, Wishes, change_id
from reconciler.lines import difference
from reconciler.model import GONE, Change, Claim, Effective, Unchanged
from reconciler.ownership import FILES, digest, file_claim
from reconciler.resources import limits


class Files:
    """The resource behind every FileWish."""

    kind = "file"
    order = 60
    own_paths: tuple[str, ...] = ()

    def wishes(self, ctx: Context) -> Wishes:
        """Nothing of its own."""
        return Wishes()

    def plan(self, ctx: Context, wishes: Wishes) -> Result:
        """A change for each file that differs, and for each that is no longer wished."""
        wanted = {wish.path: wish for wish in wishes.files}
        changes, same = [], []
        for wish in wanted.values():
            change = _write(ctx, wish)
            if change is None:
                same.append(Unchanged(wish.path, "has the wanted content", wish.because))
            else:
                changes.append(change)
        gone = [(p, f) for p, f in ctx.owned.files().items() if p not in wanted]
        changes += [_give_back(ctx, path, owned) for path, owned in gone]
        return Result(changes=tuple(changes), unchanged=tuple(same))


RESOURCE = Files()


def _kind(path: str) -> str:
    """Limits are nothing but their file; any other file is one of several parts of a thing."""
    return "limits" if path == limits.PATH else "file"


def _write(ctx: Context, wish: FileWish) -> Change | None:
    present = ctx.state.file(wish.path)
    if same_but_header(present.content, wish.content):
        return None
    owned = ctx.owned.files().get(wish.path)
    # A foreign edit of our file is drift: what stood there before us stays what undo brings back.
    before = owned.before if owned else present.content
    mode = owned.before_mode if owned else present.mode
    folders = owned.folders if owned else present.missing_folders
    return Change(
        id=change_id(wish.path),
        kind=_kind(wish.path),
        object=wish.path,
        field="content",
        before=_digest_of(present.content),
        after=f"sha256:{digest(wish.content)}",
        because=wish.because,
        steps=(WriteFile(wish.path, wish.content, wish.mode),),
        effective=wish.effective,
        group=BOOT_GROUP if wish.in_initramfs else "",
        claims=(
            file_claim(wish.path, OwnedFile(before, mode, digest(wish.content), folders)),
            *(_in_initramfs(wish.path, True) if wish.in_initramfs else ()),
            *wish.claims,
        ),
        details=difference(present.content, wish.content),
    )


def _give_back(ctx: Context, path: str, owned: OwnedFile) -> Change:
    content = ctx.state.file(path).content
    there = content != owned.before
    step: Step = (
        RemoveFile(path, owned.folders)
        if owned.before is None
        else WriteFile(path, owned.before, owned.before_mode)
    )
    in_initramfs = f"file:{path}" in ctx.owned.section("initramfs")
    return Change(
        id=change_id(path),
        kind=_kind(path),
        object=path,
        field="content",
        before=_digest_of(content),
        after=_digest_of(owned.before),
        because=GONE,
        steps=(step,) if there else (),
        effective=Effective.REBOOT if in_initramfs else Effective.NOW,
        group=BOOT_GROUP if in_initramfs else "",
        claims=(
            Claim(FILES, path, None),
            *(_in_initramfs(path, None) if in_initramfs else ()),
        ),
        details=difference(content, owned.before),
    )


def _in_initramfs(path: str, value: bool | None) -> tuple[Claim, ...]:
    # "due" outlives a kill between this change and the one that makes the initramfs again.
    return (Claim("initramfs", "due", True), Claim("initramfs", f"file:{path}", value))


def _digest_of(content: bytes | None) -> str | None:
    return None if content is None else f"sha256:{digest(content)}"
