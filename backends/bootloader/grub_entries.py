from __future__ import annotations

import re

from backends.bootloader.state import BootEntry
from backends.formats.cmdline import tokens


def entries(text, path):
    out = []
    title = None
    for line in text.splitlines():
        m = re.match(r"\s*menuentry '([^']*)'", line)
        if m:
            title = m[1]
        m = re.match(r"\s*linux\s+(\S+)\s*(.*)", line)
        if m:
            out.append(
                BootEntry(
                    title,
                    title,
                    tokens(m[2]),
                    "recovery" if "recovery" in title else "normal",
                    m[1],
                    (),
                    path,
                )
            )
        m = re.match(r"\s*initrd\s+(.*)", line)
        if m:
            from dataclasses import replace

            out[-1] = replace(out[-1], initrd=tuple(m[1].split()))
    return tuple(out)
