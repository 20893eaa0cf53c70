"""Editing a user's file so that undo gives it back byte for byte, whatever others do in between."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from backends.bootloader.state import FileEdit, OwnedFile, SourceFile

Edit = Callable[[str], str]
_HEADER = b"# Written by reconcile from "


def base_of(source: SourceFile, owned: OwnedFile | None, strip: Edit) -> bytes | None:
    """What the file holds without anything of ours.

    Untouched since we wrote it: the very bytes that stood there first. Edited by someone since:
    what is there now, with our words taken out by ``strip``, so that their edit survives.
    """
    if owned is None or source.content is None:
        return source.content
    if hashlib.sha256(source.content).hexdigest() == owned.after_sha256:
        return owned.before
    return strip(source.text).encode("utf-8", "surrogateescape")


def made_by_us(source: SourceFile, owned: OwnedFile | None) -> bool:
    """Whether the whole file is ours: it did not exist before, and nobody edited it since."""
    if owned is None or owned.before is not None or source.content is None:
        return False
    return hashlib.sha256(source.content).hexdigest() == owned.after_sha256


def edit_own(source: SourceFile, apply: Edit, *, needed: bool) -> FileEdit | None:
    """The edit of a file that we made: it goes when nothing of ours is left to keep."""
    after = apply(source.text).encode("utf-8", "surrogateescape") if needed else None
    if after == source.content:
        return None
    return FileEdit(source.path, source.content, None, after, source.mode)


def edit_file(
    source: SourceFile, owned: OwnedFile | None, strip: Edit, apply: Edit
) -> FileEdit | None:
    """The edit from what is there to ``apply`` on the base; None when that is no difference."""
    base = base_of(source, owned, strip)
    text = (base or b"").decode("utf-8", "surrogateescape")
    new = apply(text)
    after = base if new == text else new.encode("utf-8", "surrogateescape")
    if after == source.content:
        return None
    mode = owned.before_mode if owned else source.mode
    return FileEdit(source.path, source.content, base, after, mode)


def same_but_header(present: bytes | None, wanted: bytes) -> bool:
    """Whether two files of ours are equal, whatever spec their comment lines name."""
    return present is not None and _body(present) == _body(wanted)


def _body(content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    return b"".join(line for line in lines if not line.startswith(_HEADER))
