"""GRUB with a generated menu: the trial entry is in custom.cfg, grub.cfg stays as it is.

grub-mkconfig's 41_custom has grub.cfg read ``custom.cfg`` beside it. An error in that file ends
that file and not the menu. The entry is a copy of the default one; when it is started it looks
once more whether ``next_entry`` was really cleared on the disk, and else starts the kernel with
the old arguments: a choice that GRUB cannot clear never becomes permanent.
Sources: grub-mkconfig's 00_header and 41_custom, GRUB manual (load_env, fallback).
"""

from __future__ import annotations

import re

from backends.bootloader.grub_defaults import source_file
from backends.bootloader.grub_family import GRUB2, UPSTREAM, Family
from backends.bootloader.grub_kernelopts import variables_of
from backends.bootloader.in_place import base_of, same_but_header
from backends.bootloader.state import (
    BootProblem,
    BootState,
    FileEdit,
    SourceFile,
    TrialEdit,
    TrialState,
    TrialWish,
)
from backends.bootloader.trial import grubenv
from backends.bootloader.trial.menu import MenuError, default_of, entry_text, trial_entry
from backends.bootloader.trial.problems import busy, impossible, unsupported, unwritable
from backends.formats.grub.cfg import parse_grub_cfg
from backends.formats.grub.words import GrubScriptError
from backends.reader import Reader
from specs.errors import ReconcileError

ENTRY = "reconcile-trial"
_BEGIN, _END = "### BEGIN reconcile trial ###\n", "### END reconcile trial ###\n"
_OURS = re.compile(rf"\n?{re.escape(_BEGIN)}.*?{re.escape(_END)}", re.DOTALL)


class GrubMenu:
    """See the module."""

    def read(self, reader: Reader, state: BootState) -> TrialState:
        """custom.cfg, grubenv, and the default entry's text."""
        family = _family(state)
        text = reader.read_text(family.config) or ""
        custom = source_file(reader, f"{family.folder}/custom.cfg")
        env = grubenv.read(reader, family.folder)
        why = _obstacle(reader, family, text)
        template = fallback = ""
        try:
            menu = parse_grub_cfg(text)
            found = default_of(menu, variables_of(env), [e.id for e in state.normal()])
            template, fallback = entry_text(text, found.line), found.fallback
        except (GrubScriptError, MenuError) as e:
            why = why or unsupported(e.message)
        return TrialState(
            obstacle=why,
            template=template,
            chosen=grubenv.chosen(env),
            entry=custom.path if _OURS.search(custom.text) else "",
            sources=(custom, env),
            facts=(("fallback", fallback), ("custom", custom.path), ("env", env.path)),
        )

    def edit(self, state: BootState, wish: TrialWish) -> TrialEdit:
        """Our part of custom.cfg, then the choice."""
        trial = state.tried
        if trial.chosen not in ("", ENTRY):
            return TrialEdit(problems=(busy(trial, grubenv.CLEAR),))
        custom, env = trial.source(trial.fact("custom")), trial.source(trial.fact("env"))
        try:
            text, args = trial_entry(trial.template, ENTRY, wish)
            choice = grubenv.choose(env, wish.owned_files.get(env.path), ENTRY)
        except ReconcileError as e:
            return TrialEdit(problems=(impossible(e, custom.path),))
        ours = _part(wish, trial.fact("fallback"), text)
        files = [f for f in (_custom(custom, wish, ours), choice) if f]
        return TrialEdit(tuple(files), args=args)

    def undo(self, state: BootState, wish: TrialWish) -> TrialEdit:
        """The choice first: without its entry it would lead nowhere."""
        trial = state.tried
        custom, env = trial.source(trial.fact("custom")), trial.source(trial.fact("env"))
        back = grubenv.give_back(env, wish.owned_files.get(env.path), ENTRY)
        return TrialEdit(tuple(f for f in (back, _custom(custom, wish, "")) if f))


BACKEND = GrubMenu()


def _family(state: BootState) -> Family:
    return UPSTREAM if state.loader == UPSTREAM.name else GRUB2


def _obstacle(reader: Reader, family: Family, text: str) -> BootProblem | None:
    if "next_entry" not in text:
        why = f"{family.config} knows no next_entry: it was not made by grub-mkconfig's 00_header"
        return unsupported(why)
    if "/custom.cfg" not in text:
        why = f"{family.config} does not read custom.cfg"
        return unsupported(why, "make /etc/grub.d/41_custom executable and run grub-mkconfig")
    why = grubenv.unwritable(reader, family.folder)
    return unwritable(family.folder, why) if why else None


def _part(wish: TrialWish, fallback: str, entry: str) -> str:
    """``fallback``: where the entry cannot be loaded (its kernel was removed since), GRUB starts
    another instead of waiting for a key."""
    return (
        f"{_BEGIN}{wish.header}"
        f'if [ "${{default}}" = "{ENTRY}" ]; then\n\tset fallback="{fallback}"\nfi\n'
        f"{entry}{_END}"
    )


def _custom(custom: SourceFile, wish: TrialWish, ours: str) -> FileEdit | None:
    """The file with our part at its end, or without any; what others have in it stays."""
    owned = wish.owned_files.get(custom.path)
    base = base_of(custom, owned, lambda text: _OURS.sub("", text))
    if not ours:
        after = base if custom.content is not None else None
    else:
        text = (base or b"").decode("utf-8", "surrogateescape")
        text += ("" if text.endswith("\n") or not text else "\n") + ours
        after = text.encode("utf-8", "surrogateescape")
        if same_but_header(custom.content, after):
            return None
    if after == custom.content:
        return None
    mode = owned.before_mode if owned else custom.mode
    return FileEdit(custom.path, custom.content, base, after, mode)
