"""Unified diffs of the files and definitions that a change writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from backends.steps import DefineDomain, RemoveFile, Step, WriteFile
from reconciler.render.style import Style, clean

_LOOKS = {"+": "green", "-": "red", "@": "cyan"}


def diff(step: Step, contents: Mapping[str, bytes | None], style: Style) -> list[str]:
    """What a step does to a file, line by line as diff -u shows it; nothing where what stood
    there is not known. Lines are whole: they are for reading and for copying."""
    if isinstance(step, WriteFile):
        return _lines(step.path, contents, step.content, style)
    if isinstance(step, RemoveFile):
        return _lines(step.path, contents, None, style)
    if isinstance(step, DefineDomain):
        wanted = None if step.xml is None else step.xml.encode("utf-8", "surrogateescape")
        return _lines(domain_key(step.domain), contents, wanted, style)
    return []


def domain_key(name: str) -> str:
    """Under which name a domain's definition is among the contents."""
    return f"domain {name}"


def _lines(
    path: str, contents: Mapping[str, bytes | None], after: bytes | None, style: Style
) -> list[str]:
    if path not in contents:
        return []
    before = contents[path]
    if any(data is not None and b"\0" in data for data in (before, after)):
        return [f"binary file {clean(path)}"]
    return [_painted(line, style) for line in _unified(path, before, after)]


def _unified(path: str, before: bytes | None, after: bytes | None) -> Iterator[str]:
    import difflib

    old, new = ((data or b"").decode("utf-8", "replace").splitlines() for data in (before, after))
    names = [path if data is not None else "/dev/null" for data in (before, after)]
    yield from difflib.unified_diff(old, new, names[0], names[1], lineterm="")


def _painted(line: str, style: Style) -> str:
    shown = clean(line)
    look = "bold" if line.startswith(("+++", "---")) else _LOOKS.get(line[:1])
    return style.paint(shown, look) if look else shown
