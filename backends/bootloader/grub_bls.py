"""GRUB with loader entries (Fedora, RHEL and their kin): three places, one result.

The entries are what boots; /etc/kernel/cmdline is what 20-grub.install and 90-loaderentry give a
new kernel; from /etc/default/grub Fedora's grub2-mkconfig writes all entries anew. On RHEL 8 the
entries say ``$kernelopts``, a variable in grubenv, and a new kernel's entry says so again.
Nothing has to be generated: GRUB reads the entries at boot. /etc/kernel/cmdline is written last,
for grub2-mkconfig overwrites one that is older than /etc/default/grub. Sources: rhboot/grub2
util/grub.d/10_linux.in and grub-core/commands/blscfg.c, 20-grub.install, kernel-install(8).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from backends.bootloader.bls import type1
from backends.bootloader.bls_edit import (
    CMDLINE,
    Dialect,
    configured_line,
    entry_file,
    line_for_new_kernels,
    written_again,
)
from backends.bootloader.detect import running_arguments
from backends.bootloader.grub_defaults import (
    DEFAULTS,
    EVERYWHERE,
    configured,
    shell,
    source_file,
    user_file,
)
from backends.bootloader.grub_family import GRUB2
from backends.bootloader.grub_kernelopts import GRUBENV, VARIABLE, grubenv_file, variables_of
from backends.bootloader.room import lacks_room, room_facts
from backends.bootloader.shares import remembering, shares
from backends.bootloader.state import (
    BootEdit,
    BootEntry,
    BootProblem,
    BootState,
    BootWish,
    FileEdit,
    SourceFile,
)
from backends.bootloader.wishes import absent_in, beyond_editing, spelled, through_blscfg
from backends.formats.cmdline import edit, has, tokens
from backends.formats.kernel_cmdline_file import ReadBy, read_cmdline_file
from backends.formats.shell.assign import evaluate
from backends.reader import Reader
from specs.errors import ReconcileError
from specs.record import replace

NAME = "grub2"
FOLDER = "/boot"
ENTRIES = f"{FOLDER}/loader/entries"
_LINKS = ("/etc/grub2-efi.cfg", "/etc/grub2.cfg")
_ENABLED = "GRUB_ENABLE_BLSCFG"
_BLSCFG = re.compile(r"(?m)^\s*blscfg\b")
_DIALECT = Dialect(grub=True)
_INHERITS = re.compile(r"(?<!\\)\$\{?kernelopts\b")


def evidence(reader: Reader) -> tuple[str, ...]:
    """A grub.cfg that says blscfg (links followed), and there are entries; else nothing. RHEL 8
    keeps it on the ESP: where that is not mounted, what it is made from tells."""
    places = dict.fromkeys(reader.realpath(p) for p in (*_LINKS, GRUB2.config))
    texts = {p: text for p in places if (text := reader.read_text(p)) is not None}
    said = next((f"{p} says blscfg" for p, text in texts.items() if _BLSCFG.search(text)), None)
    if not texts and _enabled(reader) and reader.exists(GRUB2.folder):
        said = f"{DEFAULTS} says {_ENABLED}=true"
    if not (said and any(n.endswith(".conf") for n in reader.list(ENTRIES))):
        return ()
    return (said, f"{ENTRIES} has entries")


def _enabled(reader: Reader) -> bool:
    text = reader.read_text(DEFAULTS) or ""
    return evaluate([text], _ENABLED, bash=True).text == "true"


def read(reader: Reader, evidence: tuple[str, ...]) -> BootState:
    """The entries as GRUB will read them, and the files that decide those of kernels to come."""
    env = source_file(reader, GRUBENV)
    variables = variables_of(env)
    machine_id = (reader.read_text("/etc/machine-id") or "").strip()
    found = type1(reader, FOLDER, machine_id, variables)
    ours = [source for source, entry in found if entry.kind == "normal"]
    inherited = any(inherits(source) for source in ours)
    line, defaults = source_file(reader, CMDLINE), source_file(reader, DEFAULTS)
    value, gap = configured_line(reader, line)
    if inherited:
        value, gap = tokens(variables.get(VARIABLE, "")), ""
    last = env if inherited else line
    return BootState(
        loader=NAME,
        evidence=evidence,
        running=running_arguments(reader),
        entries=_with_default([entry for _, entry in found], variables),
        configured=value,
        configured_gap=gap,
        sources=(*ours, defaults, last),
        problems=_problems(ours, inherited, variables),
        facts=_facts(reader, found),
    )


def edit_all(state: BootState, wish: BootWish) -> BootEdit:
    """Every normal entry (or kernelopts), /etc/default/grub, and the line for new kernels."""
    places = _places(state)
    bases = [_base(path, words, wish) for path, words in places.items()]
    shared = shares(wish, bases)
    standing = {**{e.source: e.args for e in state.normal()}, **places}
    wish, left = remembering(standing, wish, shared.added)
    problems = (*shared.problems, *through_blscfg(shared.added))
    try:
        files = _edits(state, wish, places)
    except ReconcileError as e:  # of the format that a file is in
        return BootEdit(problems=(*problems, beyond_editing(e, ENTRIES)))
    problems += (*lacks_room(state), *_shared_way_back(state)) if files else ()
    return BootEdit(files, (), shared.added, shared.already, "", problems, left)


def inherits(source: SourceFile) -> bool:
    """Whether an entry takes its arguments from ``kernelopts`` in grubenv."""
    return any(_INHERITS.match(word) for word in _DIALECT.words(source.text))


def _facts(
    reader: Reader, found: Sequence[tuple[SourceFile, BootEntry]]
) -> tuple[tuple[str, str], ...]:
    shared = any(e.kind == "recovery" and inherits(source) for source, e in found)
    facts = [("layout", "bls"), ("sh", shell(reader)), *room_facts(reader, FOLDER, 0)]
    return (*facts, ("rescue inherits", "yes")) if shared else tuple(facts)


def _with_default(
    entries: Sequence[BootEntry], variables: Mapping[str, str]
) -> tuple[BootEntry, ...]:
    """The saved entry, else the newest normal one, is marked."""
    normal = [e for e in entries if e.kind == "normal"]
    saved = next((e for e in entries if e.id == variables.get("saved_entry")), None)
    first = saved or max(normal, key=lambda e: _version(e.id), default=None)
    return tuple(replace(e, default=e is first) for e in entries)


def _version(name: str) -> tuple[tuple[int, int | str], ...]:
    """A key that sorts names like rpm versions: numbers by value, above letters."""
    parts = re.findall(r"[0-9]+|[A-Za-z]+", name)
    return tuple((1, int(p)) if p.isdigit() else (0, p) for p in parts)


def _problems(
    ours: Sequence[SourceFile], inherited: bool, variables: Mapping[str, str]
) -> tuple[BootProblem, ...]:
    if not ours:
        message = f"{ENTRIES} has no entry that boots this system"
        hint = "kernel-install add makes the entry of a kernel"
        return (BootProblem("bootloader-unsupported", message, hint, ENTRIES),)
    if inherited and VARIABLE not in variables:
        message = f"entries say ${VARIABLE}, but {GRUBENV} does not set it"
        hint = "set it: grub2-mkconfig -o /etc/grub2.cfg (with EFI: /etc/grub2-efi.cfg)"
        return (BootProblem("bootloader-unsupported", message, hint, GRUBENV),)
    return ()


def _shared_way_back(state: BootState) -> tuple[BootProblem, ...]:
    """RHEL 8's rescue entry says ``$kernelopts`` like all others."""
    back = [e for e in state.entries if e.kind == "recovery"]
    if not (back and state.fact("rescue inherits")):
        return ()
    message = f"the entry {back[0].title!r} takes {VARIABLE} too: it gets the same arguments"
    hint = f"for a way back without them give it the words themselves instead of ${VARIABLE}"
    return (BootProblem("rescue-entry-shared", message, hint, back[0].source, refuse=False),)


def _places(state: BootState) -> dict[str, tuple[str, ...]]:
    """The words in each file that decides more than one entry. A value that only a shell could
    tell counts as empty: an edit that meets it is refused where it stands."""
    found: dict[str, tuple[str, ...]] = {}
    for source in state.sources:
        if source.path == GRUBENV:
            found[GRUBENV] = tokens(variables_of(source).get(VARIABLE, ""))
        elif source.path == CMDLINE and source.content is not None:
            found[CMDLINE] = read_cmdline_file(source.text, ReadBy.UNCOMMENTED)
        elif source.path == DEFAULTS and source.content is not None:
            found[DEFAULTS] = configured((source,), bash=state.fact("sh") == "bash")[0] or ()
    if not found and state.normal():
        first = state.normal()[0]
        found[first.source] = first.args
    return found


def _base(path: str, words: Iterable[str], wish: BootWish) -> tuple[str, ...]:
    """The words that are not ours."""
    ours = [a for a in wish.owned if a not in wish.kept.get(path, ())]
    return edit(tuple(words), remove=spelled(ours), add=())


def _edits(
    state: BootState, wish: BootWish, places: Mapping[str, Sequence[str]]
) -> tuple[FileEdit, ...]:
    found = [change for s in state.sources[:-1] if (change := _edit(state, s, wish, places))]
    last = state.sources[-1]
    change = _edit(state, last, wish, places)
    older = last.path == CMDLINE and any(f.path == DEFAULTS for f in found)
    if change is None and older and last.content is not None:
        change = written_again(last, wish, _DIALECT)
    return (*found, *((change,) if change else ()))


def _edit(
    state: BootState, source: SourceFile, wish: BootWish, places: Mapping[str, Sequence[str]]
) -> FileEdit | None:
    try:
        return _edit_one(state, source, wish, places)
    except ReconcileError as e:
        e.where = e.where or source.path
        raise


def _edit_one(
    state: BootState, source: SourceFile, wish: BootWish, places: Mapping[str, Sequence[str]]
) -> FileEdit | None:
    if source.path == CMDLINE:
        return line_for_new_kernels(state, source, wish, wish.args, _DIALECT)
    if source.path == GRUBENV:
        return grubenv_file(source, wish)
    if source.path != DEFAULTS:
        return entry_file(source, wish, _DIALECT, () if inherits(source) else wish.args)
    base = _base(DEFAULTS, places.get(DEFAULTS, ()), wish)
    gone = absent_in(base, wish)
    stays = [w for w in base if w not in gone]
    ours = [a for a in wish.args if not has(stays, a)]
    if source.content is None and not ours:
        return None
    bash = state.fact("sh") == "bash"
    return user_file(source, wish, ours, into=EVERYWHERE, bash=bash)
