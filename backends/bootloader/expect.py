"""What generated boot configuration must look like before it replaces the old one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from backends.bootloader.state import BootEntry
from backends.formats.cmdline import has, matching
from backends.reader import Reader
from backends.steps import Expect


def grub_cfg(reader: Reader, expect: Expect) -> str | None:
    """Every normal entry carries the arguments, none that must be gone, and no entry of the old
    file has lost its initrd (a swallowed line would still be valid GRUB script)."""
    from backends.bootloader.grub_entries import entries

    text = reader.read_text(expect.path)
    if text is None:
        return "the program ended well, but wrote nothing"
    new = entries(text, expect.path)
    normal = [e for e in new if e.kind == "normal"]
    if not normal:
        return "the generated file has no entry that boots this system"
    old_text = reader.read_text(expect.like) if expect.like else None
    old = entries(old_text, expect.like or "") if old_text else ()
    return wrong_arguments(normal, expect) or _lost(old, new)


def uki(reader: Reader, expect: Expect, *, signed: bool = False) -> str | None:
    """Unified kernel images (``words`` are more of them) carry the arguments, and none that must
    be gone; ``signed``: firmware would not start them otherwise."""
    from backends.bootloader.bls import image
    from backends.formats.pe import is_signed

    for path in (expect.path, *expect.words):
        if not reader.exists(path):
            return f"{path} was not made"
        if signed and not is_signed(partial(reader.read_range, path)):
            return f"{path} is not signed, and Secure Boot is on"
        if wrong := wrong_arguments([image(reader, path)], expect):
            return wrong
    return None


def loader_entries(reader: Reader, expect: Expect, *, grub: bool = False) -> str | None:
    """The entries (``words`` are their ids) of a boot partition are there, with the arguments."""
    from backends.bootloader.bls import type1

    found = {e.id: e for _, e in type1(reader, expect.path, "", {} if grub else None)}
    missing = [id for id in expect.words if id not in found]
    if missing:
        return f"{expect.path} has no entry {missing[0]} any more"
    return wrong_arguments([found[id] for id in expect.words], expect)


def wrong_arguments(entries: Iterable[BootEntry], expect: Expect) -> str | None:
    """The first entry that lacks an argument, or still has one that must be gone."""
    for entry in entries:
        missing = [a for a in expect.args if not has(entry.args, a)]
        if missing:
            return f"entry {entry.title!r} lacks {' '.join(missing)}"
        present = [t for a in expect.absent for t in matching(entry.args, a)]
        if present:
            return f"entry {entry.title!r} still has {' '.join(present)}"
    return None


def _lost(old: Sequence[BootEntry], new: Sequence[BootEntry]) -> str | None:
    with_initrd = {e.kernel for e in old if e.initrd and e.kernel}
    for entry in new:
        if entry.kernel in with_initrd and not entry.initrd:
            return f"entry {entry.title!r} has lost its initrd"
    if old and not any(e.kernel for e in new):
        return "no entry of the generated file names a kernel"
    return None
