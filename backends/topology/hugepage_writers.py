"""Other files that set hugepage pools when the host starts: sysctl.d(5) and tmpfiles.d(5)."""

from __future__ import annotations

import re

from backends.reader import Reader
from specs.record import Record

_FOLDERS = ("/etc/{}", "/run/{}", "/usr/local/lib/{}", "/usr/lib/{}")
_SYSCTL = re.compile(r"^\s*-?\s*vm[./]nr_(?:overcommit_)?hugepages\w*\s*=\s*(\S+)", re.MULTILINE)
_TMPFILES = re.compile(r"^\s*w\S*\s+(\S*hugepages\S*)", re.MULTILINE)


class Writer(Record):
    """A file, and the words in it that set a pool."""

    path: str
    words: str


def observe_writers(reader: Reader) -> tuple[Writer, ...]:
    """Every such file but those that carry our name."""
    found = [*_matches(reader, _files(reader, "sysctl.d"), _SYSCTL)]
    found += _matches(reader, ["/etc/sysctl.conf"], _SYSCTL)
    found += _matches(reader, _files(reader, "tmpfiles.d"), _TMPFILES)
    return tuple(found)


def _files(reader: Reader, name: str) -> list[str]:
    """``*.conf`` in the order of precedence; a name in an earlier folder hides later ones."""
    found: dict[str, str] = {}
    for folder in (f.format(name) for f in _FOLDERS):
        for file in reader.list(folder):
            if file.endswith(".conf") and "reconcile" not in file:
                found.setdefault(file, f"{folder}/{file}")
    return [found[file] for file in sorted(found)]


def _matches(reader: Reader, paths: list[str], pattern: re.Pattern[str]) -> list[Writer]:
    found = []
    for path in paths:
        match = pattern.search(reader.read_text(path) or "")
        if match:
            found.append(Writer(path, match.group().strip()))
    return found
