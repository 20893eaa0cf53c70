"""Boot Loader Specification files as entries: type 1 (text) and type 2 (unified kernel images)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial

from backends.bootloader import uki_addon
from backends.bootloader.state import BootEntry, SourceFile
from backends.formats import loader_entry, pe
from backends.formats.cmdline import tokens
from backends.formats.grub.cfg import is_way_back
from backends.formats.grub.words import GrubScriptError
from backends.reader import Reader

TRIAL = "reconcile-trial"
TRIAL_MARK = "~reconcile"
_COUNTER = re.compile(r"\+[0-9]+(-[0-9]+)?$")
_ADDED = ("initrd=", "BOOT_IMAGE=")


def entry_id(name: str) -> str:
    """The id of an entry file: its name without ending and boot counter (``+2-1``)."""
    return _COUNTER.sub("", name.rsplit(".", 1)[0])


def is_trial(entry: str) -> bool:
    """Whether an id is that of reconcile's own entry for one boot."""
    return entry == TRIAL or entry.endswith(TRIAL_MARK)


def type1(
    reader: Reader, folder: str, machine_id: str, grub: Mapping[str, str] | None = None
) -> list[tuple[SourceFile, BootEntry]]:
    """The entries in ``folder``/loader/entries with their files. Entries of another machine, and
    those that start no Linux kernel, are ``foreign``. With ``grub`` (its variables) they are read
    as GRUB reads them."""
    found = []
    for name in reader.list(f"{folder}/loader/entries"):
        path = f"{folder}/loader/entries/{name}"
        content, stat = reader.read_bytes(path), reader.stat(path)
        if name.endswith(".conf") and not name.startswith(".") and content is not None and stat:
            source = SourceFile(path, content, stat.mode)
            found.append((source, _entry(source, name, machine_id, grub)))
    return found


def _entry(
    source: SourceFile, name: str, machine_id: str, grub: Mapping[str, str] | None
) -> BootEntry:
    by_grub = grub is not None

    def first(key: str) -> str:
        return next(iter(loader_entry.values(source.text, key, grub=by_grub)), "")

    kernel, owner = first("linux"), first("machine-id")
    args, readable = _args(source.text, grub)
    title = first("title") or entry_id(name)
    kind = "normal"
    if is_trial(entry_id(name)):
        kind = "trial"
    elif not (kernel and readable) or (owner and machine_id and owner != machine_id):
        kind = "foreign"
    elif is_way_back(title, entry_id(name), kernel, args):
        kind = "recovery"
    return BootEntry(
        id=entry_id(name),
        title=title,
        args=tuple(a for a in args if not a.startswith(_ADDED)),
        kind=kind,
        kernel=kernel,
        initrd=loader_entry.values(source.text, "initrd", grub=by_grub),
        source=source.path,
    )


def _args(text: str, grub: Mapping[str, str] | None) -> tuple[tuple[str, ...], bool]:
    """The kernel's words, and whether GRUB reads them: what it stops at does not boot."""
    try:
        found = loader_entry.options(text, grub=grub is not None, variables=grub)
    except GrubScriptError:
        return (), False
    return found or (), True


def type2(reader: Reader, folder: str) -> list[BootEntry]:
    """The unified kernel images in ``folder``/EFI/Linux; ``args`` are those embedded."""
    names = [n for n in reader.list(f"{folder}/EFI/Linux") if n.lower().endswith(".efi")]
    return [image(reader, f"{folder}/EFI/Linux/{name}") for name in names]


def image(reader: Reader, path: str) -> BootEntry:
    """One unified kernel image, with what addons append; ``foreign`` without a command line."""
    name = path.rpartition("/")[2]
    part = partial(reader.read_range, path)
    args = pe.text_section(part, ".cmdline")
    added = uki_addon.arguments(reader, path) if args is not None else ()
    return BootEntry(
        id=entry_id(name),
        title=entry_id(name),
        args=(*tokens(args or ""), *added),
        kind="foreign" if args is None else "normal",
        kernel=pe.text_section(part, ".uname") or "",
        source=path,
    )
