"""Why there can be no trial, in the same words for every boot loader."""

from __future__ import annotations

from backends.bootloader.state import BootProblem, TrialState
from specs.errors import ReconcileError

_WHERE = "boot.trial"
_WITHOUT = "set trial = false: the arguments are then permanent at once"


def unsupported(why: str, hint: str = "") -> BootProblem:
    """This host cannot boot an entry just once."""
    return BootProblem("trial-unsupported", why, hint or _WITHOUT, _WHERE)


def unwritable(folder: str, why: str) -> BootProblem:
    """A choice that GRUB cannot clear would be permanent."""
    message = f"GRUB cannot clear a choice for one boot in {folder}/grubenv: {why}"
    hint = f"put {folder} on a plain partition; or {_WITHOUT}"
    return BootProblem("grubenv-unwritable", message, hint, _WHERE)


def busy(trial: TrialState, clear: str) -> BootProblem:
    """Somebody else's choice for the next boot is not ours to replace."""
    message = f"the next boot is to start {trial.chosen!r} already, and not by reconcile's choice"
    return BootProblem("trial-busy", message, f"reboot first, or clear it: {clear}", _WHERE)


def impossible(error: ReconcileError, where: str) -> BootProblem:
    """An entry that cannot be copied."""
    return BootProblem("trial-unsupported", error.message, error.hint, error.where or where)
