"""systemd-boot: an entry with a boot counter, started once by the firmware's variable.

LoaderEntryOneShot is taken by systemd-boot before it starts anything, and goes before every
default; loader.conf and LoaderEntryDefault are never touched. The entry sorts last: by its sort-key
where all entries have one, else because it has no tries left (systemd-boot puts such entries at
the end of the list; a one-shot choice does not ask for tries).
Sources: systemd-boot(7), bootctl(1), systemd src/boot/boot.c (boot_entry_compare).
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

from backends import efi
from backends.bootloader.bls import TRIAL, entry_id
from backends.bootloader.grub_defaults import source_file
from backends.bootloader.in_place import same_but_header
from backends.bootloader.state import (
    BootEntry,
    BootProblem,
    BootState,
    FileEdit,
    TrialEdit,
    TrialState,
    TrialWish,
)
from backends.bootloader.trial.entry import copied, of_image
from backends.bootloader.trial.problems import busy, impossible, unsupported
from backends.formats.loader_entry import options, values
from backends.reader import Reader
from backends.steps import Run, Step
from specs.errors import ReconcileError

# A pattern, for the id of an entry has its counter in it, or (later) not; before version 250 the
# choice is no pattern, and the id has the counter.
_ANY = f"{TRIAL}*.conf"
_VARIABLES = "/sys/firmware/efi/efivars"
_CHOICE = "LoaderEntryOneShot"
_LAST = "zz-reconcile"
_CLEAR = Run(("bootctl", "set-oneshot", ""), timeout=60.0)


class SystemdBoot:
    """See the module."""

    def read(self, reader: Reader, state: BootState) -> TrialState:
        """The default entry's text, entries of ours, and the firmware's variable."""
        base = _default(reader, state)
        if base is None:
            return TrialState(unsupported("no entry of systemd-boot boots this system"))
        folder = re.sub(r"/(loader/entries|EFI/Linux)/[^/]+$", "", base.source)
        image = base.source.endswith(".efi")
        theirs = state.source(base.source)
        keyed = not image and all(_value(state, e, "sort-key") for e in state.normal())
        name = f"{TRIAL}+{1 if keyed else 0}.conf"
        path = f"{folder}/loader/entries/{name}"
        left = next((e.source for e in state.entries if e.id == TRIAL), "")
        return TrialState(
            obstacle=_obstacle(reader, folder if image else ""),
            template=theirs.text if theirs else "",
            chosen=efi.loader_variable(reader, _CHOICE) or "",
            entry=left,
            sources=tuple(source_file(reader, p) for p in dict.fromkeys((path, left)) if p),
            facts=(
                ("path", path),
                ("base", base.source),
                ("choice", _ANY if _takes_patterns(reader) else name),
                ("image", base.source.removeprefix(folder) if image else ""),
            ),
        )

    def edit(self, state: BootState, wish: TrialWish) -> TrialEdit:
        """The entry, then the choice."""
        trial = state.tried
        path = trial.fact("path")
        if trial.chosen and not trial.chosen.startswith(TRIAL):
            return TrialEdit(problems=(busy(trial, "bootctl set-oneshot ''"),))
        try:
            text = _text(state, wish)
        except ReconcileError as e:
            return TrialEdit(problems=(impossible(e, path),))
        there, after = trial.source(path), text.encode("utf-8", "surrogateescape")
        files = _old(trial, path)
        if not same_but_header(there.content, after):
            files.append(FileEdit(path, there.content, None, after, 0o644))
        choice = trial.fact("choice")
        choose = Run(("bootctl", "set-oneshot", choice), timeout=60.0)
        args = tuple(a for a in options(text) or () if not a.startswith("initrd="))
        return TrialEdit(tuple(files), () if trial.chosen == choice else (choose,), args)

    def undo(self, state: BootState, wish: TrialWish) -> TrialEdit:
        """A choice without its entry leads to the default: the order does not matter."""
        trial = state.tried
        choose: tuple[Step, ...] = (_CLEAR,) if trial.chosen.startswith(TRIAL) else ()
        return TrialEdit(tuple(_old(trial, "")), choose)


BACKEND = SystemdBoot()


def _takes_patterns(reader: Reader) -> bool:
    """By the version that LoaderInfo has: ``systemd-boot 252.39-1~deb12u1``."""
    found = re.match(r"systemd-boot (\d+)", efi.loader_variable(reader, "LoaderInfo") or "")
    return found is None or int(found[1]) >= 250


def _text(state: BootState, wish: TrialWish) -> str:
    trial = state.tried
    image = trial.fact("image")
    if not image:
        return copied(trial.template, wish, grub=False, sort_key=_LAST)
    base = next(e for e in state.normal() if e.source == trial.fact("base"))
    return of_image(image, base.args, wish, base.title, base.kernel)


def _obstacle(reader: Reader, images: str) -> BootProblem | None:
    """``images`` is the partition of the unified image that boots, empty where an entry does."""
    if not reader.exists(_VARIABLES):
        return unsupported(f"the firmware's variables cannot be reached from here: {_VARIABLES}")
    if images and efi.secure_boot(reader):
        why = "Secure Boot is on: a unified kernel image takes no other arguments than its own"
        return unsupported(why)
    if images and reader.list(f"{images}/loader/addons"):
        why = f"{images}/loader/addons adds arguments to every image: a trial could take none away"
        return unsupported(why)
    return None


def _old(trial: TrialState, keep: str) -> list[FileEdit]:
    """An entry of ours under another name: systemd-boot renames it when it counts."""
    if not trial.entry or trial.entry == keep:
        return []
    there = trial.source(trial.entry)
    return [FileEdit(there.path, there.content, None, None, there.mode)]


def _default(reader: Reader, state: BootState) -> BootEntry | None:
    """What the next boot starts: by the firmware's variable, else by loader.conf, else the first
    (config_select_default_entry, boot_entry_compare)."""
    ordered = _ordered(state)
    patterns = [efi.loader_variable(reader, "LoaderEntryDefault") or ""]
    for folder in (state.fact("folders") or "").split():
        text = reader.read_text(f"{folder}/loader/loader.conf") or ""
        patterns += values(text, "default")[-1:]
    for pattern in filter(None, patterns):
        for entry in ordered:
            if fnmatchcase(_file_id(entry), pattern.lower()):
                return entry
    return ordered[0] if ordered else None


def _file_id(entry: BootEntry) -> str:
    name = entry.source.rpartition("/")[2]
    return f"{entry_id(name)}.{name.rpartition('.')[2]}".lower()


def _ordered(state: BootState) -> list[BootEntry]:
    """Newest first, within sort-key and machine-id, as far as a choice of a template needs it."""
    entries = sorted(state.normal(), key=lambda e: _version(_value(state, e, "version") or e.id))
    entries.reverse()
    return sorted(entries, key=lambda e: (not (key := _value(state, e, "sort-key")), key))


def _value(state: BootState, entry: BootEntry, key: str) -> str:
    source = state.source(entry.source)
    return next(iter(values(source.text, key)), "") if source else ""


def _version(name: str) -> tuple[tuple[int, int | str], ...]:
    parts = re.findall(r"[0-9]+|[A-Za-z]+", name)
    return tuple((1, int(p)) if p.isdigit() else (0, p) for p in parts)
