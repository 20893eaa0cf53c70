"""GRUB's environment block (grubenv): a file of fixed size, padded with ``#``.

Format: GRUB manual, Environment block; grub-core/lib/envblk.c. Backslash and newline in a value
are escaped with a backslash. Where a name stands twice the last one counts at boot. A newline
behind the padding (files of 1025 bytes exist) stays where it is.
"""

from __future__ import annotations

import re

from backends.formats.rawtext import from_raw, to_raw
from specs.errors import ReconcileError

SIGNATURE = "# GRUB Environment Block\n"
_LINE = re.compile(r"(?:[^\\\n]|\\.)*\n?", re.DOTALL)
_ENDED = re.compile(r"(?:[^\\\n]|\\.)*\n", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class GrubEnvError(ReconcileError):
    """No environment block, or no room in it."""


def parse_grubenv(text: str) -> dict[str, str]:
    """The variables, in order. Raises GrubEnvError if it is no environment block."""
    out = {}
    for line in _lines(to_raw(text)):
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            out[from_raw(name)] = from_raw(re.sub(r"\\(.)", r"\1", _ended(value), flags=re.DOTALL))
    return out


def set_variable(text: str, name: str, value: str | None) -> str:
    """The block with the variable set, or without it (None); its size stays.

    Raises GrubEnvError if it is no block, the name is none, or the value does not fit.
    """
    if not _NAME.fullmatch(name):
        raise GrubEnvError(f"{name!r} is not the name of a GRUB variable")
    raw = to_raw(text)
    lines = _lines(raw)
    if value is not None and parse_grubenv(text).get(name) == value:
        return text
    new = [] if value is None else [f"{name}={_escaped(to_raw(value))}\n"]
    places = [i for i, line in enumerate(lines) if line.startswith(f"{name}=")]
    if places:
        kept = [line for i, line in enumerate(lines) if i not in places[:-1]]
        at = places[-1] - len(places) + 1
        lines = kept[:at] + new + kept[at + 1 :]
    else:
        lines = lines + new
    return from_raw(_padded(raw, lines))


def _lines(raw: str) -> list[str]:
    """The lines between signature and padding."""
    if not raw.startswith(SIGNATURE):
        raise GrubEnvError(
            "this is not a GRUB environment block",
            hint="grub-editenv FILE create makes a new one",
        )
    body = raw[len(SIGNATURE) : len(raw) - len(_tail(raw))]
    return [line for line in _LINE.findall(_unpadded(body)) if line]


def _unpadded(body: str) -> str:
    """Without the padding: the ``#`` at the end that begin a line."""
    bare = body.rstrip("#")
    if not bare or bare.endswith("\n"):
        return bare
    return body


def _padded(raw: str, lines: list[str]) -> str:
    tail = _tail(raw)
    content = SIGNATURE + "".join(lines)
    if not all(map(_ENDED.fullmatch, lines)):  # what follows would be part of it
        raise GrubEnvError("the last variable in the environment block has no end")
    room = len(raw) - len(tail) - len(content)
    if room < 0:
        raise GrubEnvError(
            f"the value does not fit into the environment block, {-room} bytes are missing",
            hint="take words out of it; the block has a fixed size of 1024 bytes",
        )
    return content + "#" * room + tail


def _tail(raw: str) -> str:
    return "\n" if re.search(r"\n#+\n\Z", raw[-2048:]) else ""


def _escaped(value: str) -> str:
    return re.sub(r"([\\\n])", r"\\\1", value)


def _ended(value: str) -> str:
    return value[:-1] if value.endswith("\n") else value
