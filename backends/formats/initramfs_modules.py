"""/etc/initramfs-tools/modules and /etc/modules: one module a line, then its parameters.

Grammar: initramfs.conf(5), modules(5): blank lines and ``#`` comments are skipped; ``-`` and
``_`` are one in names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from specs.errors import ReconcileError

_LINE = re.compile(r"[^\n]*\n|[^\n]+\Z")
_ENTRY = re.compile(r"[A-Za-z0-9_-]+(?: [A-Za-z0-9_.,:=/+@%-]+)*")


class ModulesFileError(ReconcileError):
    """A line that cannot stand in a modules file."""


def parse_modules(text: str) -> tuple[tuple[str, str], ...]:
    """Module (with ``_`` for ``-``) and parameters of each line."""
    return tuple(entry for line in _LINE.findall(text) if (entry := _entry(line)))


def edit_modules(text: str, remove: Sequence[str], add: Sequence[str]) -> str:
    """The file without the lines of ``remove`` and with those of ``add`` (``vfio_pci ids=...``)
    at its end, each unless it is there. Raises ModulesFileError for what is no such line."""
    for wrong in [line for line in add if not _ENTRY.fullmatch(line)]:
        raise ModulesFileError(f"{wrong!r} is not a module with its parameters")
    wanted = [_entry(line) for line in add]
    gone = [entry for line in remove if (entry := _entry(line)) not in wanted]
    lines = _LINE.findall(text)
    kept = [line for line in lines if _entry(line) is None or _entry(line) not in gone]
    if kept and lines and kept[-1] is not lines[-1] and not text.endswith("\n"):
        kept[-1] = re.sub(r"\r?\n\Z", "", kept[-1])
    present = parse_modules("".join(kept))
    new = [line for line, entry in zip(add, wanted, strict=True) if entry not in present]
    return _appended("".join(kept), list(dict.fromkeys(new)))


def _entry(line: str) -> tuple[str, str] | None:
    words = line.split("#", 1)[0].split()
    return (words[0].replace("-", "_"), " ".join(words[1:])) if words else None


def _appended(text: str, lines: Sequence[str]) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    if not text or text.endswith("\n"):
        return text + "".join(line + newline for line in lines)
    return text + "".join(newline + line for line in lines)
