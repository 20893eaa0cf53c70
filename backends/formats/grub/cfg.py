"""What a generated grub.cfg can boot: every menu entry with its kernel line.

Grammar: ``grub_words``. Conditions are not evaluated: the entries of every branch are listed, for
any of them may boot. Variables are filled in where ``variables`` (grubenv) or a plain ``set`` in
the file gives them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from backends.formats import cmdline
from backends.formats.grub.words import Command, expand, kernel_line, parse, source_of
from specs.record import Record, replace

_LINUX = {"linux", "linux16", "linuxefi"}
_INITRD = {"initrd", "initrd16", "initrdefi"}
_HYPERVISOR = {"multiboot", "multiboot2", "xen_hypervisor"}
_MODULE = {"module", "module2", "xen_module", "xen_linux"}
_WITH_VALUE = {"--class", "--users", "--hotkey", "--source", "--id"}
_WAY_BACK = {"single", "recovery", "rescue", "emergency", "systemd.unit=rescue.target"}
_WAY_BACK_ID = re.compile(r"-recovery-|-rescue\b")


class MenuEntry(Record):
    """One ``menuentry``. ``path`` are the ids of the submenus around it, ``path_titles`` their
    titles.

    ``kernel`` is the path on GRUB's device, None if the entry starts no Linux; ``args`` are the
    kernel's words as GRUB hands them over; ``hypervisor_args`` those of Xen.
    """

    title: str
    id: str
    path: tuple[str, ...]
    line: int
    kernel: str | None
    args: tuple[str, ...]
    initrds: tuple[str, ...]
    hypervisor: str | None = None
    hypervisor_args: tuple[str, ...] = ()
    recovery: bool = False
    path_titles: tuple[str, ...] = ()


class GrubCfg(Record):
    """A grub.cfg: its entries in order, ``set default=`` values (variables as ``${name}``), and
    whether entries come from loader entry files too (``blscfg``)."""

    entries: tuple[MenuEntry, ...]
    defaults: tuple[str, ...]
    blscfg: bool


def parse_grub_cfg(text: str, variables: Mapping[str, str] | None = None) -> GrubCfg:
    """Read a grub.cfg. Raises GrubScriptError where GRUB would not accept it."""
    commands = parse(text)
    known = {"menuentry_id_option": "--id", **_settings(commands), **(variables or {})}
    entries: list[MenuEntry] = []
    defaults: list[str] = []
    blscfg = False
    for command, path in _walk(commands, known):
        name = source_of(command.words[0])
        blscfg |= name == "blscfg"
        if name == "menuentry" and command.block is not None:
            entry = _entry(command, tuple(ident for _, ident in path), known)
            entries.append(replace(entry, path_titles=tuple(title for title, _ in path)))
        elif name == "set" and not path and len(command.words) > 1:
            key, _, value = source_of(command.words[1]).partition("=")
            defaults += [value] if key == "default" else []
    return GrubCfg(tuple(entries), tuple(defaults), blscfg)


def is_way_back(title: str, entry_id: str, kernel: str | None, args: Sequence[str]) -> bool:
    """Whether an entry is a recovery or rescue one, which stays as the distribution made it."""
    if _WAY_BACK.intersection(args) or _WAY_BACK_ID.search(entry_id):
        return True
    return "(recovery mode)" in title or "-0-rescue-" in (kernel or "")


def _settings(commands: Sequence[Command]) -> dict[str, str]:
    """Variables that the file sets once, outside of blocks, to plain text."""
    values: dict[str, set[str]] = {}
    for command in commands:
        if source_of(command.words[0]) == "set" and len(command.words) > 1:
            name, _, value = source_of(command.words[1]).partition("=")
            values.setdefault(name, set()).add(value)
    return {
        name: next(iter(found))
        for name, found in values.items()
        if len(found) == 1 and not any("${" in value for value in found)
    }


_Path: TypeAlias = tuple[tuple[str, str], ...]
"""The submenus around something, from the outside: (title, id) each."""


def _walk(commands: Sequence[Command], known: Mapping[str, str]) -> Iterator[tuple[Command, _Path]]:
    """All commands outside of menu entries, with the submenus around them."""
    stack: list[tuple[Command, _Path]] = [(c, ()) for c in reversed(commands)]
    while stack:
        command, path = stack.pop()
        yield command, path
        name = source_of(command.words[0])
        if command.block is None or name == "menuentry":
            continue
        inner = (*path, _title_and_id(command, known)) if name == "submenu" else path
        stack += [(c, inner) for c in reversed(command.block)]


def _title_and_id(command: Command, known: Mapping[str, str]) -> tuple[str, str]:
    arguments = list(expand(command.words[1:], known))
    title, entry_id = None, None
    while arguments:
        word = arguments.pop(0)
        option, _, value = word.partition("=")
        if option in _WITH_VALUE:
            value = value or (arguments.pop(0) if arguments else "")
            entry_id = value if option == "--id" else entry_id
        elif title is None and not word.startswith("--"):
            title = word
    return title or "", entry_id if entry_id is not None else title or ""


def _entry(command: Command, path: tuple[str, ...], known: Mapping[str, str]) -> MenuEntry:
    title, entry_id = _title_and_id(command, known)
    kernel: str | None = None
    hypervisor: str | None = None
    args: tuple[str, ...] = ()
    hypervisor_args: tuple[str, ...] = ()
    initrds: list[str] = []
    for name, rest in _commands_of(command, known):
        if name in _LINUX or (name in _MODULE and kernel is None):
            kernel, args = _image(rest)
        elif name in _HYPERVISOR:
            hypervisor, hypervisor_args = _image(rest)
        elif name in _INITRD or name in _MODULE:
            initrds += [word for word in rest if not word.startswith("--")]
    back = is_way_back(title, entry_id, kernel, args)
    return MenuEntry(
        title, entry_id, path, command.line, kernel, args, tuple(initrds),
        hypervisor, hypervisor_args, back,
    )  # fmt: skip


def _commands_of(
    command: Command, known: Mapping[str, str]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The commands in an entry, also those under conditions, with their words."""
    stack = list(reversed(command.block or []))
    while stack:
        inner = stack.pop()
        found = expand(inner.words, known)
        if found:
            yield found[0], found[1:]
        stack += reversed(inner.block or [])


def _image(rest: Sequence[str]) -> tuple[str | None, tuple[str, ...]]:
    """The image's path and the words of its command line (Xen's placeholder left out)."""
    rest = [word for index, word in enumerate(rest) if index or not word.startswith("--")]
    if not rest:
        return None, ()
    found = cmdline.tokens(kernel_line(rest[1:]))
    return rest[0], found[1:] if found[:1] == ("placeholder",) else found
