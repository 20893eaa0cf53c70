"""One entry of a generated grub.cfg, found and copied with other arguments."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from backends.bootloader.state import TrialWish
from backends.formats import cmdline
from backends.formats.grub.cfg import GrubCfg, MenuEntry
from backends.formats.grub.words import (
    Command,
    GrubScriptError,
    Part,
    kernel_line,
    parse,
    source_of,
    words,
)
from backends.formats.kernel_arg import grub_form
from specs.errors import ReconcileError
from specs.record import Record

_LINUX = re.compile(r"[ \t]*linux(?:16|efi)?[ \t]+(?:--\S+[ \t]+)*[^ \t\n]+")
_ADDED = ("initrd=", "BOOT_IMAGE=")
_WITH_VALUE = ("--class", "--users")


class MenuError(ReconcileError):
    """An entry that cannot be copied."""


class Default(Record):
    """The entry that boots by default: its line in the file; ``fallback`` is the place in the menu
    of the first entry that boots this system."""

    line: int
    fallback: str


def default_of(menu: GrubCfg, variables: Mapping[str, str], normal: Collection[str]) -> Default:
    """By what ``set default=`` says (an index, an id or a title; ``a>b`` in a submenu); where that
    leads to no entry of this system, the first that is one. Raises MenuError if there is none."""
    ours = [e for e in menu.entries if _path_id(e) in normal]
    if not ours:
        raise MenuError("grub.cfg has no entry that boots this system")
    said = [_filled(value, variables) for value in menu.defaults if value != "${next_entry}"]
    wanted = said[-1] if said else "0"
    found = next((e for e in ours if _is(menu, e, wanted)), ours[0])
    first = _siblings(menu, ours[0], 0).index((*ours[0].path, ours[0].id)[0])
    return Default(found.line, str(first))


def entry_text(text: str, line: int) -> str:
    """The lines of the entry that begins on ``line``. Raises GrubScriptError."""
    lines = text.split("\n")
    for end in range(line, len(lines) + 1):
        part = "\n".join(lines[line - 1 : end])
        if part.rstrip().endswith("}") and _complete(part):
            return part + "\n"
    raise GrubScriptError("an entry has no end", where=f"line {line}")


def trial_entry(template: str, entry: str, wish: TrialWish) -> tuple[str, tuple[str, ...]]:
    """The template as an entry of the id ``entry`` with edited arguments, and these as the kernel
    gets them. Started by a choice that is still on the disk, it takes the template's arguments.

    Raises MenuError, CmdlineError, GrubScriptError.
    """
    head, *body, _ = template.rstrip("\n").split("\n")
    if not body or not head.rstrip().endswith("{"):
        raise MenuError("the default entry is not written line by line, as grub-mkconfig does")
    old = [line for line in body if _LINUX.match(line)]
    if len(old) != 1 or old[0].endswith("\\"):
        raise MenuError("the default entry does not start one Linux kernel on one line")
    new, args = _edited(old[0], wish)
    out = [_head(template, entry), "\tload_env next_entry"]
    for line in body:
        if line == old[0]:
            out += _either(entry, old[0], new)
        elif line.split() != ["savedefault"]:
            out.append(line)
    text = "\n".join([*out, "}\n"])
    parse(text)
    return text, args


def _either(entry: str, old: str, new: str) -> list[str]:
    return [
        f'\tif [ "${{next_entry}}" = "{entry}" ]; then',
        "\t\techo 'reconcile: the choice of this entry could not be cleared: old arguments'",
        f"\t{old}",
        "\telse",
        f"\t{new}",
        "\tfi",
    ]


def _edited(line: str, wish: TrialWish) -> tuple[str, tuple[str, ...]]:
    found = _LINUX.match(line)
    assert found is not None
    start, rest = line[: found.end()], line[found.end() :]
    gone = wish.gone(cmdline.tokens(rest))
    rest = cmdline.edit_text(rest, gone, [grub_form(a) for a in wish.add])
    if rest[:1] not in (" ", "\t"):
        rest = f" {rest}"
    args = cmdline.tokens(kernel_line(words(rest)))
    return start + rest, tuple(a for a in args if not a.startswith(_ADDED))


def _head(template: str, entry: str) -> str:
    """The template's first line: class and permissions stay, title and id are ours."""
    command = parse(template)[0]
    kept: list[str] = []
    given = [_text(word) for word in command.words[2:]]
    for index, word in enumerate(given):
        if word in _WITH_VALUE and index + 1 < len(given):
            kept += [word, _quoted(given[index + 1])]
        elif word == "--unrestricted":
            kept.append(word)
    title = _quoted(f"{_text(command.words[1])} (trial by reconcile)")
    return " ".join(["menuentry", title, *kept, "--id", _quoted(entry), "{"])


def _text(word: tuple[Part, ...]) -> str:
    return source_of(word)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _complete(part: str) -> bool:
    try:
        found: list[Command] = parse(part)
    except GrubScriptError:
        return False
    return bool(found) and found[0].block is not None


def _filled(value: str, variables: Mapping[str, str]) -> str:
    return re.sub(r"\$\{(\w+)\}", lambda m: variables.get(m[1], ""), value)


def _path_id(entry: MenuEntry) -> str:
    return ">".join((*entry.path, entry.id))


def _is(menu: GrubCfg, entry: MenuEntry, wanted: str) -> bool:
    """Whether GRUB means this entry by ``wanted`` (normal/menu.c, menuentry_eq): an index, an id or
    a title; for the main menu, then for each submenu. A submenu alone means its first entry."""
    parts = wanted.split(">")
    names = [*zip(entry.path, entry.path_titles, strict=True), (entry.id, entry.title)]
    if len(parts) > len(names):
        return False
    parts += ["0"] * (len(names) - len(parts))
    for depth, (part, named) in enumerate(zip(parts, names, strict=True)):
        index = str(_siblings(menu, entry, depth).index(named[0]))
        if part not in ((index,) if part.isdigit() else named):
            return False
    return True


def _siblings(menu: GrubCfg, entry: MenuEntry, depth: int) -> list[str]:
    """The ids of the menu that the entry, or its submenu, stands in."""
    here = [e for e in menu.entries if e.path[:depth] == entry.path[:depth]]
    return list(dict.fromkeys((*e.path, e.id)[depth] for e in here))
