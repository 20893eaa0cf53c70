"""Boot loader entries (UAPI.1, type 1), as systemd-boot and as GRUB's blscfg read them.

systemd-boot (src/boot/boot.c, line_get_key_value): ``#`` comments and blank lines are skipped,
keys end at a space or tab, a value in one pair of quotes loses them, ``options`` lines add up.
GRUB (grub-core/commands/blscfg.c): a line without a value ends the file, only the first
``options`` counts, the key ends at the first space (at a tab only if there is no space), and the
options are then read as GRUB script, with variables. loader.conf is read like an entry.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from backends.formats import cmdline
from backends.formats.grub.words import kernel_line, words
from backends.formats.joined import edit_joined, joined_text
from backends.formats.rawtext import from_raw, to_raw
from specs.errors import ReconcileError
from specs.record import Record

_SD_LINE = re.compile(r"[^\n\r]+")
_VARIABLE = re.compile(r"(?<!\\)\$([A-Za-z0-9_]+)")
_SD_KEY = re.compile(r"([^ \t]+)[ \t]+")


class LoaderEntryError(ReconcileError):
    """An entry whose options cannot be edited so that the boot loader reads them as wanted."""


class Field(Record):
    """One line: ``start`` is the line's, the value is ``text[value_start:value_end]``."""

    key: str
    value: str
    start: int
    value_start: int
    value_end: int


def fields(text: str, *, grub: bool = False) -> tuple[Field, ...]:
    """The lines that count, in order."""
    return tuple(
        Field(f.key, from_raw(f.value), f.start, f.value_start, f.value_end)
        for f in _fields(to_raw(text), grub)
    )


def values(text: str, key: str, *, grub: bool = False) -> tuple[str, ...]:
    """All values of a key, in order."""
    return tuple(f.value for f in fields(text, grub=grub) if f.key == key)


def options(
    text: str, *, grub: bool = False, variables: Mapping[str, str] | None = None
) -> tuple[str, ...] | None:
    """The kernel's words; None where GRUB finds no ``options`` and takes ``default_kernelopts``.

    ``variables`` (grubenv) are filled in for GRUB. Raises GrubScriptError where GRUB would fail.
    """
    found = values(text, "options", grub=grub)
    if not grub:
        return cmdline.tokens(" ".join(found))
    if not found:
        return None
    return cmdline.tokens(kernel_line(words(_filled(found[0], variables or {}), variables)))


def _filled(text: str, variables: Mapping[str, str]) -> str:
    """blscfg fills in ``$name`` as text (expand_val); only then GRUB reads it as script."""
    return _VARIABLE.sub(lambda m: variables.get(m[1], m[0]), text)


def edit_options(
    text: str, remove: Sequence[str], add: Sequence[str], *, grub: bool = False
) -> str:
    """The entry with its options edited as ``cmdline.edit`` says, every other byte kept.

    For GRUB the words are GRUB script (``kernel_arg.grub_form``); variables are words like
    others. A missing options line is added for systemd-boot, and removed when it has no words
    left. Raises LoaderEntryError or CmdlineError.
    """
    raw = to_raw(text)
    out, into = [to_raw(w) for w in remove], [to_raw(w) for w in add]
    lines = _options(raw, grub)
    if not lines:
        return from_raw(_with_options(raw, into, grub)) if into else text
    spans = [(f.value_start, f.value_end) for f in lines]
    before = joined_text(raw, spans)
    changes = cmdline.splices(before, out, into)
    if not changes:
        return text
    edited = _without_empty(edit_joined(raw, spans, out, into), grub)
    after = _options(edited, grub)
    wanted = cmdline.raw_words(cmdline.spliced(before, changes))
    if cmdline.raw_words(" ".join(f.value for f in after)) != wanted:
        raise LoaderEntryError(
            "the options cannot be edited so that the boot loader reads them as wanted",
            hint="a line that begins and ends with a quote loses them: reorder it by hand",
        )
    return from_raw(edited)


def _options(raw: str, grub: bool) -> list[Field]:
    found = [f for f in _fields(raw, grub) if f.key == "options"]
    return found[:1] if grub else found


def _fields(raw: str, grub: bool) -> list[Field]:
    return _grub_fields(raw) if grub else _sd_boot_fields(raw)


def _sd_boot_fields(raw: str) -> list[Field]:
    out = []
    for line in _SD_LINE.finditer(raw):
        text = line.group().rstrip(" \t")
        start = line.start() + len(text) - len(text.lstrip(" \t"))
        end = line.start() + len(text)
        key = _SD_KEY.match(raw, start, end)
        if raw[start : start + 1] == "#" or not key:
            continue
        a, b = key.end(), end
        if raw[a] in "\"'" and raw[a] == raw[b - 1]:
            a, b = a + 1, max(b - 1, a + 1)
        out.append(Field(key.group(1), raw[a:b], line.start(), a, b))
    return out


def _grub_fields(raw: str) -> list[Field]:
    out: list[Field] = []
    at = 0
    while at < len(raw):
        end = raw.find("\n", at)
        end = len(raw) if end < 0 else end
        line, start = raw[at:end].rstrip("\r"), at
        at = end + 1
        key = line.lstrip(" \t")
        if key.startswith("#"):
            continue
        indent = len(line) - len(key)
        space = key.find(" ") if " " in key else key.find("\t")
        if space < 0 or space + 1 == len(key):
            break
        value = key[space:].lstrip(" \t")
        value_start = start + indent + len(key) - len(value)
        out.append(Field(key[:space], value, start, value_start, value_start + len(value)))
    return out


def _with_options(raw: str, add: list[str], grub: bool) -> str:
    """The entry with an options line behind the one that names the initrd or kernel."""
    if grub:
        raise LoaderEntryError(
            "the entry has no options line, GRUB takes default_kernelopts from its environment",
            hint="edit kernelopts in grubenv, or give the entry an options line",
        )
    cmdline.edit((), (), [from_raw(w) for w in add])
    found = _fields(raw, grub)
    near = [f for f in found if f.key in ("linux", "initrd", "efi")] or found
    if not near:
        raise LoaderEntryError("this is not a boot loader entry: it names nothing to boot")
    last = near[-1]
    head = raw[last.start : last.value_start].rstrip("\"'")
    separator = "\t" if head.endswith("\t") else " " * max(1, len(head) - len("options"))
    line = f"options{separator}{cmdline.join(add)}"
    end = raw.find("\n", last.start)
    if end < 0:
        return f"{raw}\n{line}"
    newline = "\r\n" if raw[end - 1 : end] == "\r" else "\n"
    return raw[: end + 1] + line + newline + raw[end + 1 :]


def _without_empty(raw: str, grub: bool) -> str:
    """An options line without words goes; where it is GRUB's only one it must not."""
    empty = re.search(r"(?m)^[ \t]*options[ \t]*(?:[\"']{2})?[ \t]*\r?$", raw)
    while empty:
        if grub:
            raise LoaderEntryError("GRUB stops reading an entry at an options line without words")
        start, end = empty.span()
        if end < len(raw):
            end += 1
        elif start:
            start -= 1
        raw = raw[:start] + raw[end:]
        empty = re.search(r"(?m)^[ \t]*options[ \t]*(?:[\"']{2})?[ \t]*\r?$", raw)
    return raw
