"""Sections of a PE file (a unified kernel image), read without reading the file.

Source: Microsoft PE format; systemd-stub(7) for what .cmdline, .uname and .osrel hold.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

Part = Callable[[int, int], "bytes | None"]
_MAX_SECTIONS = 96  # the PE loader's own limit
_MAX_TEXT = 1 << 16
_CERTIFICATES = 4


def text_section(part: Part, name: str) -> str | None:
    """A short section as text without its padding, or None. ``part(offset, size)`` reads."""
    found = _sections(part).get(name)
    if found is None:
        return None
    offset, size = found
    data = part(offset, min(size, _MAX_TEXT))
    return None if data is None else data.rstrip(b"\0\n ").decode("utf-8", "surrogateescape")


def is_signed(part: Part) -> bool:
    """Whether the file has an attribute certificate (data directory 4, PE32+)."""
    head = part(0, 64) or b""
    if len(head) < 64 or head[:2] != b"MZ":
        return False
    (start,) = struct.unpack_from("<I", head, 60)
    optional = part(start + 24, 152) or b""
    if len(optional) < 152 or optional[:2] != b"\x0b\x02":
        return False
    directories, size = struct.unpack_from("<I", optional, 108)[0], optional[148:152]
    return directories > _CERTIFICATES and size != b"\0\0\0\0"


def _sections(part: Part) -> dict[str, tuple[int, int]]:
    """Name → (offset, bytes used) of every section; empty for anything but a PE file."""
    head = part(0, 64) or b""
    if len(head) < 64 or head[:2] != b"MZ":
        return {}
    (start,) = struct.unpack_from("<I", head, 60)
    coff = part(start, 24) or b""
    if len(coff) < 24 or coff[:4] != b"PE\0\0":
        return {}
    count, optional = struct.unpack_from("<H", coff, 6)[0], struct.unpack_from("<H", coff, 20)[0]
    count = min(count, _MAX_SECTIONS)
    table = part(start + 24 + optional, count * 40) or b""
    return dict(_section(table[i : i + 40]) for i in range(0, len(table) - 39, 40))


def _section(raw: bytes) -> tuple[str, tuple[int, int]]:
    used, _, size, offset = struct.unpack_from("<IIII", raw, 8)
    return raw[:8].rstrip(b"\0").decode("ascii", "replace"), (offset, min(used or size, size))
