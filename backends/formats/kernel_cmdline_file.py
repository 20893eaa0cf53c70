"""/etc/kernel/cmdline and /etc/cmdline.d/*.conf, as each program reads them.

- ``FIRST_LINE``: grubby and proxmox-boot-tool.
- ``JOINED``: kernel-install of systemd 252 and ukify's plugin: all lines, comments too.
- ``UNCOMMENTED``: kernel-install's 90-loaderentry since systemd 257, mkinitcpio: without the
  lines that begin with ``#``.
Only a file of one line without a comment means the same to all (``is_plain``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum

from backends.formats import cmdline
from backends.formats.joined import Span, edit_joined, joined_text
from backends.formats.rawtext import from_raw, to_raw

_LINE = re.compile(r"[^\n]+")


class ReadBy(Enum):
    """Which lines count."""

    FIRST_LINE = "first line"
    JOINED = "all lines"
    UNCOMMENTED = "all lines but comments"


def read_cmdline_file(text: str, read_by: ReadBy) -> tuple[str, ...]:
    """The kernel's words."""
    raw = to_raw(text)
    return cmdline.tokens(from_raw(joined_text(raw, _spans(raw, read_by))))


def is_plain(text: str) -> bool:
    """Whether all programs read the file alike."""
    readings = {read_cmdline_file(text, read_by) for read_by in ReadBy}
    return len(readings) == 1 and not any(line.startswith("#") for line in text.split("\n"))


def edit_cmdline_file(text: str, remove: Sequence[str], add: Sequence[str], read_by: ReadBy) -> str:
    """The file with its words edited where they stand; lines and comments stay.

    Where no line counts yet one is added: before all others if only the first is read. Raises
    CmdlineError.
    """
    raw = to_raw(text)
    out, into = [to_raw(w) for w in remove], [to_raw(w) for w in add]
    spans = _spans(raw, read_by)
    if spans:
        new = edit_joined(raw, spans, out, into)
        return from_raw(_still_read(raw, new) if read_by is ReadBy.UNCOMMENTED else new)
    line = cmdline.join(cmdline.edit((), remove, add))
    if not line:
        return text
    if read_by is ReadBy.FIRST_LINE:
        return line + text if text else line + "\n"
    return f"{text}\n{line}" if text and not text.endswith("\n") else f"{text}{line}\n"


def _still_read(old: str, new: str) -> str:
    """A line that an edit has left with ``#`` in front must not become a comment."""
    pairs = zip(old.split("\n"), new.split("\n"), strict=True)
    return "\n".join(
        " " + after if after.startswith("#") and not before.startswith("#") else after
        for before, after in pairs
    )


def as_one_line(text: str, read_by: ReadBy) -> str:
    """The file as one line that all programs read alike; unchanged if they do already."""
    if is_plain(text):
        return text
    return cmdline.join(read_cmdline_file(text, read_by)) + "\n"


def _spans(raw: str, read_by: ReadBy) -> list[Span]:
    if read_by is ReadBy.FIRST_LINE:
        end = raw.find("\n")
        first = (0, len(raw) if end < 0 else end)
        return [first] if raw[slice(*first)].strip(" \t\r") else []
    lines = [found.span() for found in _LINE.finditer(raw)]
    if read_by is ReadBy.UNCOMMENTED:
        lines = [(a, b) for a, b in lines if raw[a] != "#"]
    return [(a, b) for a, b in lines if raw[a:b].strip(" \t\r")]
