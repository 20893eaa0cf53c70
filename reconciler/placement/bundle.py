"""Files of ours that a running program must be told of: both in one change.

The general file resource writes files that act at the next boot. Here a kill between the file and
the telling must not be forgotten, so the change stays in the plan until both were done.
"""

from __future__ import annotations

from collections.abc import Mapping

from backends.bootloader.in_place import same_but_header
from backends.bootloader.state import OwnedFile
from backends.steps import RemoveFile, Step, WriteFile
from reconciler.context import Context, Result
from reconciler.model import Change, Claim, Unchanged
from reconciler.ownership import digest, file_claim
from specs.record import Record, replace

SECTION = "placement-files"
_DUE = "placement-due"


class Bundle(Record):
    """``wanted`` maps paths to contents (none: give back what is ours of ``paths``); ``tell`` are
    the steps after the files; ``settled`` says that the running program already follows them."""

    change: Change
    paths: tuple[str, ...]
    wanted: Mapping[str, bytes]
    tell: tuple[Step, ...]
    settled: bool = True


def planned(ctx: Context, bundle: Bundle, because: str, reason: str) -> Result:
    """The bundle's change; where files and program are as wanted, that they are, for ``reason``;
    nothing where none is wanted and none is ours."""
    if not bundle.wanted and not any(p in ctx.owned.section(SECTION) for p in bundle.paths):
        return Result()
    change = _change(ctx, bundle)
    if change is not None:
        return Result(changes=(change,))
    return Result(unchanged=(Unchanged(bundle.change.object, reason, because),))


def _change(ctx: Context, bundle: Bundle) -> Change | None:
    steps: list[Step] = []
    claims: list[Claim] = []
    for path in bundle.paths:
        if path in bundle.wanted:
            _write(ctx, path, bundle.wanted[path], steps, claims)
        else:
            _give_back(ctx, path, steps, claims)
    due = ctx.owned.get(_DUE, bundle.change.id) is not None
    if steps or due or not bundle.settled:
        steps += bundle.tell
        # Written down before the files, so that a kill in between is not forgotten.
        told = Claim(_DUE, bundle.change.id, None, settled=True)
        claims = [Claim(_DUE, bundle.change.id, True), *claims, told]
    if not claims:
        return None
    return replace(bundle.change, steps=tuple(steps), claims=tuple(claims))


def _write(ctx: Context, path: str, content: bytes, steps: list[Step], claims: list[Claim]) -> None:
    present = ctx.state.file(path)
    if same_but_header(present.content, content):
        return
    known = ctx.owned.files(SECTION).get(path)
    before = known or OwnedFile(present.content, present.mode, "", present.missing_folders)
    steps.append(WriteFile(path, content))
    claims.append(file_claim(path, replace(before, after_sha256=digest(content)), SECTION))


def _give_back(ctx: Context, path: str, steps: list[Step], claims: list[Claim]) -> None:
    known = ctx.owned.files(SECTION).get(path)
    if known is None:
        return
    back = (
        RemoveFile(path, known.folders)
        if known.before is None
        else WriteFile(path, known.before, known.before_mode)
    )
    if ctx.state.file(path).content != known.before:
        steps.append(back)
    claims.append(Claim(SECTION, path, None))
