"""The entries of a generated grub.cfg, as boot entries."""

from __future__ import annotations

import re

from backends.bootloader.state import BootEntry
from backends.formats.grub.cfg import MenuEntry, parse_grub_cfg

_MARK = re.compile(r"### (BEGIN|END) (\S+) ###")
# The scripts that make entries for this system's own kernels; what other scripts make (os-prober,
# 40_custom, memtest) belongs to others.
_OWN = re.compile(r"\d\d_linux")
_ADDED = ("initrd=", "BOOT_IMAGE=")


def entries(text: str, path: str) -> tuple[BootEntry, ...]:
    """Every menuentry that starts something. Raises GrubScriptError where GRUB would not read on.

    Without grub-mkconfig's section marks every entry with a kernel counts as this system's.
    """
    sections = _sections(text)
    found = parse_grub_cfg(text).entries
    return tuple(_entry(e, path, _section_of(sections, e.line)) for e in found)


def _sections(text: str) -> list[tuple[int, str]]:
    """(line, script) where a section begins, (line, "") where it ends; lines count from 1."""
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        if mark := _MARK.fullmatch(line.strip()):
            found.append((number, mark[2] if mark[1] == "BEGIN" else ""))
    return found


def _section_of(sections: list[tuple[int, str]], line: int) -> str | None:
    """The script that made a line; None where the file has no marks at all."""
    if not sections:
        return None
    before = [script for number, script in sections if number <= line]
    return before[-1].rpartition("/")[2] if before else ""


def _entry(entry: MenuEntry, path: str, section: str | None) -> BootEntry:
    kind = "normal"
    if entry.kernel is None or (section is not None and not _OWN.match(section)):
        kind = "foreign"
    elif entry.recovery:
        kind = "recovery"
    return BootEntry(
        id=">".join((*entry.path, entry.id)),
        title=entry.title,
        args=tuple(a for a in entry.args if not a.startswith(_ADDED)),
        kind=kind,
        kernel=entry.kernel or "",
        initrd=entry.initrds,
        source=path,
    )
