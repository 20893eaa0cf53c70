"""GRUB with loader entries: a copy of the default entry, started once by ``next_entry``.

The copy's name ends in ``~reconcile``: ``~`` sorts below everything in GRUB's order of versions,
so the copy stands below the entry it was made from and never becomes the default. An entry file
cannot look whether the choice was cleared, as a menu entry can: where GRUB's writing is not
certain, a trial is refused. Sources: rhboot/grub2 grub-core/commands/blscfg.c, and ``grubenv``.
"""

from __future__ import annotations

import re

from backends.bootloader.bls import TRIAL_MARK, is_trial
from backends.bootloader.grub_bls import ENTRIES
from backends.bootloader.grub_defaults import source_file
from backends.bootloader.grub_family import GRUB2
from backends.bootloader.grub_kernelopts import VARIABLE, variables_of
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
from backends.bootloader.trial import grubenv
from backends.bootloader.trial.entry import copied
from backends.bootloader.trial.problems import busy, impossible, unsupported, unwritable
from backends.formats.loader_entry import options
from backends.reader import Reader
from specs.errors import ReconcileError

_INHERITED = re.compile(rf"(?<!\\)\$\{{?{VARIABLE}\b\}}?")


class GrubBls:
    """See the module."""

    def read(self, reader: Reader, state: BootState) -> TrialState:
        """The default entry's text, and entries of ours."""
        env = grubenv.read(reader, GRUB2.folder)
        base = _default(state)
        if base is None:
            return TrialState(unsupported(f"{ENTRIES} has no entry that boots this system"))
        stem = base.source.rpartition("/")[2].removesuffix(".conf")
        path = f"{ENTRIES}/{stem}{TRIAL_MARK}.conf"
        theirs = state.source(base.source)
        text = theirs.text if theirs else ""
        left = next((e.source for e in state.entries if is_trial(e.id)), "")
        files = [source_file(reader, p) for p in dict.fromkeys((path, left)) if p]
        return TrialState(
            obstacle=_obstacle(reader),
            template=_INHERITED.sub(variables_of(env).get(VARIABLE, "").replace("\\", r"\\"), text),
            chosen=grubenv.chosen(env),
            entry=left,
            sources=(*files, env),
            facts=(("path", path), ("env", env.path), ("id", f"{stem}{TRIAL_MARK}")),
        )

    def edit(self, state: BootState, wish: TrialWish) -> TrialEdit:
        """The copy, then the choice."""
        trial = state.tried
        entry, path = trial.fact("id"), trial.fact("path")
        if trial.chosen and not is_trial(trial.chosen):
            return TrialEdit(problems=(busy(trial, grubenv.CLEAR),))
        env = trial.source(trial.fact("env"))
        try:
            text = copied(trial.template, wish, grub=True)
            choice = grubenv.choose(env, wish.owned_files.get(env.path), entry)
        except ReconcileError as e:
            return TrialEdit(problems=(impossible(e, path),))
        files = [*_old(trial, path), *_new(trial, path, text)]
        files += [choice] if choice else []
        return TrialEdit(tuple(files), args=options(text, grub=True) or ())

    def undo(self, state: BootState, wish: TrialWish) -> TrialEdit:
        """The choice first: without its entry it would lead nowhere."""
        trial = state.tried
        env = trial.source(trial.fact("env"))
        choice = trial.chosen if is_trial(trial.chosen) else trial.fact("id")
        back = grubenv.give_back(env, wish.owned_files.get(env.path), choice)
        return TrialEdit(((back,) if back else ()) + tuple(_old(trial, "")))


BACKEND = GrubBls()


def _default(state: BootState) -> BootEntry | None:
    normal = state.normal()
    return next((e for e in normal if e.default), normal[0] if normal else None)


def _obstacle(reader: Reader) -> BootProblem | None:
    why = grubenv.unwritable(reader, GRUB2.folder)
    if not why and not grubenv.told(reader, GRUB2.folder):
        why = f"what {GRUB2.folder} is on cannot be told"
    return unwritable(GRUB2.folder, why) if why else None


def _new(trial: TrialState, path: str, text: str) -> list[FileEdit]:
    there = trial.source(path)
    after = text.encode("utf-8", "surrogateescape")
    if same_but_header(there.content, after):
        return []
    return [FileEdit(path, there.content, None, after, 0o644)]


def _old(trial: TrialState, keep: str) -> list[FileEdit]:
    """A copy of ours under another name (the default was another entry then)."""
    if not trial.entry or trial.entry == keep:
        return []
    there = trial.source(trial.entry)
    return [FileEdit(there.path, there.content, None, None, there.mode)]
