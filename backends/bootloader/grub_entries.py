"""The entries of a generated grub.cfg."""

from __future__ import annotations

import re
from dataclasses import replace

from backends.bootloader.state import BootEntry
from backends.formats.cmdline import tokens


def entries(text: str, path: str) -> tuple[BootEntry, ...]:
    """Every menuentry with a kernel; recovery ones are told apart by their title."""
    found: list[BootEntry] = []
    title = ""
    for line in text.splitlines():
        if head := re.match(r"\s*menuentry '([^']*)'", line):
            title = head[1]
        if linux := re.match(r"\s*linux\s+(\S+)\s*(.*)", line):
            kind = "recovery" if "recovery" in title else "normal"
            args = tokens(linux[2])
            found.append(BootEntry(title, title, args, kind, linux[1], (), path))
        if (initrd := re.match(r"\s*initrd\s+(.*)", line)) and found:
            found[-1] = replace(found[-1], initrd=tuple(initrd[1].split()))
    return tuple(found)
