"""modprobe.d files: what others say about modules, and the text of our own file.

Grammar: modprobe.d(5) and kmod's libkmod-config.c: one directive per line, a backslash before the
newline continues it, ``#`` begins a comment line, ``-`` and ``_`` are one in module names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from backends.formats import cmdline
from backends.formats.rawtext import Lines
from specs.errors import ReconcileError
from specs.record import Record

VERBS = ("alias", "blacklist", "install", "options", "remove", "softdep", "weakdep")
_LINE = re.compile(r"(?:[^\\\n]+|\\.)+|\\\Z", re.DOTALL)
_MODULE = re.compile(r"[A-Za-z0-9_-]+")
_ID = re.compile(r"[0-9a-f]{4}:[0-9a-f]{4}(?::[0-9a-f]{4}(?::[0-9a-f]{4}(?::[0-9a-f]+){0,2})?)?")


class ModprobeConfError(ReconcileError):
    """A name that cannot stand in a modprobe.d file."""


class Directive(Record):
    """One directive. ``module`` has ``_`` for ``-`` (of an alias: its pattern as written)."""

    verb: str
    module: str
    rest: str
    line: int


def parse_modprobe_conf(text: str) -> tuple[Directive, ...]:
    """The directives that kmod knows, in order; what it ignores is left out. Never raises."""
    lines = Lines(text)
    out = []
    for found in _LINE.finditer(text):
        if found.group().startswith("#"):
            continue
        whole = re.sub(r"\\(.)", lambda m: "" if m[1] == "\n" else m[1], found.group(), flags=re.S)
        parts = re.split(r"[ \t]+", whole.strip(" \t\r"), maxsplit=2)
        if parts[0] not in VERBS or len(parts) < (2 if parts[0] == "blacklist" else 3):
            continue
        module = parts[1] if parts[0] == "alias" else normal_module(parts[1])
        rest = parts[2] if len(parts) == 3 else ""
        out.append(Directive(parts[0], module, rest, lines.number(found.start())))
    return tuple(out)


def normal_module(name: str) -> str:
    """The module's name as the kernel shows it."""
    return name.replace("-", "_")


def option_values(directives: Iterable[Directive], module: str, option: str) -> tuple[str, ...]:
    """Every value that ``options MODULE`` lines give to one parameter, in order; a bare
    parameter is an empty value. Several lines add up."""
    words = [
        word
        for one in directives
        if one.verb == "options" and one.module == normal_module(module)
        for word in cmdline.tokens(one.rest)
    ]
    return tuple(cmdline.value_of(w) or "" for w in words if cmdline.same_name(w, option))


def render_modprobe_conf(
    comments: Sequence[str], ids: Sequence[str] = (), after: Sequence[str] = ()
) -> str:
    """Our own file: vfio-pci takes the devices ``ids`` (``10de:2489``), and is loaded before the
    modules ``after``. Raises ModprobeConfError for what is no id or no module."""
    lines = [f"# {' '.join(comment.split())}" for comment in comments]
    for wrong in [i for i in ids if not _ID.fullmatch(i)]:
        raise ModprobeConfError(f"{wrong!r} is not a PCI id (vendor:device in lower-case hex)")
    for wrong in [m for m in after if not _MODULE.fullmatch(m)]:
        raise ModprobeConfError(f"{wrong!r} is not the name of a module")
    if ids:
        lines.append(f"options vfio-pci ids={','.join(ids)}")
    lines += [f"softdep {module} pre: vfio-pci" for module in after]
    return "".join(f"{line}\n" for line in lines)
