"""TOML paths: ``("device", 0, "bind")`` in the program, ``device[0].bind`` for people."""

from __future__ import annotations

import re

Loc = tuple[str | int, ...]

_PART = re.compile(r'\[(\d+)\]|([^.\[\]"]+)|"((?:[^"\\]|\\.)*)"')
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST_KEY = 64


def path_text(loc: Loc) -> str:
    """``device[0].bind``; a key that is not bare is quoted, one that is very long is cut."""
    text = ""
    for part in loc:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + _key(part)
    return text


def _key(key: str) -> str:
    if len(key) > _LONGEST_KEY:
        key = key[: _LONGEST_KEY - 3] + "..."
        return '"' + key.encode("unicode_escape").decode().replace('"', '\\"') + '"'
    if _BARE.fullmatch(key):
        return key
    return '"' + key.encode("unicode_escape").decode().replace('"', '\\"') + '"'


def parse_path(text: str) -> Loc:
    """The parts of ``device[0].bind``."""
    return tuple(
        int(match[1]) if match[1] else match[2] or match[3] or "" for match in _PART.finditer(text)
    )
