"""What a wish means for words that stand somewhere already; the same for every boot loader."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from backends.bootloader.state import BootProblem, BootWish
from backends.formats.cmdline import has, hugepage_words, join, matching
from backends.formats.kernel_arg import grub_form, kernel_form
from specs.errors import ReconcileError


def spelled(args: Iterable[str]) -> list[str]:
    """Arguments in every form in which they may have been written."""
    forms = [(a, kernel_form(a), grub_form(a)) for a in args]
    return list(dict.fromkeys(form for each in forms for form in each))


def retired(wish: BootWish) -> tuple[str, ...]:
    """Arguments of ours that are wanted no longer."""
    return tuple(a for a in wish.owned if not has(wish.args, a))


def absent_in(words: Sequence[str], wish: BootWish) -> list[str]:
    """The words that must go by the wish's patterns."""
    return [w for pattern in wish.absent for w in matching(words, pattern)]


def conflict(wish: BootWish, base: Sequence[str]) -> tuple[BootProblem, ...]:
    """Hugepages arguments mean something only as one block: two owners cannot share it."""
    gone = set(absent_in(base, wish))
    theirs = hugepage_words([w for w in base if w not in gone])
    ours = hugepage_words(wish.args)
    if not ours or not theirs or theirs == ours:
        return ()
    message = f"hugepages are configured by others already: {join(theirs)}"
    hint = "take them out there, or list them in boot.absent_kernel_args"
    return (BootProblem("kernel-arg-conflict", message, hint, "hugepages"),)


def through_blscfg(args: Iterable[str]) -> tuple[BootProblem, ...]:
    """GRUB's blscfg replaces variables before it makes a script of an entry, which replaces them
    again: ``\\$`` and single quotes do not keep a ``$`` (measured on GRUB 2.14)."""
    return tuple(
        BootProblem(
            "kernel-arg-forbidden",
            f"{arg}: in a loader entry GRUB takes what follows $ for a variable, quoted or not",
            "leave it out on this host, or pass it another way (a module option, sysctl)",
            where="boot.kernel_args",
        )
        for arg in args
        if "$" in arg
    )


def beyond_editing(error: ReconcileError, where: str) -> BootProblem:
    """A file that cannot be edited so that it means what is wanted."""
    return BootProblem("bootloader-unsupported", error.message, error.hint, error.where or where)
