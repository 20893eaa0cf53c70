"""Kernel arguments that others put there: told, never fought over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backends.bootloader.state import BootEdit, BootState, BootWish
from backends.bootloader.wishes import absent_in, spelled
from backends.formats.cmdline import (
    edit,
    has,
    hugepage_words,
    matching,
    name_of,
    normal_name,
    same,
)
from reconciler.budget.cpu_args import NAMES as CPU_ARGS
from reconciler.context import ArgWish
from reconciler.kernel_args.contradictions import derived, is_about_iommu, switches_off
from reconciler.model import Finding, note, refuse, warn

# Each of these may stand there several times, and every one counts (kernel-parameters.txt).
_REPEATED = frozenset(
    {"console", "earlycon", "netconsole", "memmap", "dyndbg", "pci", "acpi_osi", "iommu"}
    | {"intel_iommu", "amd_iommu", "initcall_blacklist", "ima_policy"}
)


def findings(
    state: BootState, wish: BootWish, change: BootEdit, args: Sequence[ArgWish]
) -> list[Finding]:
    """Which wished arguments are there by others, and which stand there with another value."""
    places = {a.arg: a.places[0] for a in args}
    theirs = _theirs(state, wish)
    left = [_left(arg, places.get(arg, "boot")) for arg in change.already]
    other = _other_values(theirs, change, places)
    return [*left, *other, *_switched_off(theirs, state.running, args)]


def _theirs(state: BootState, wish: BootWish) -> list[tuple[str, ...]]:
    """The words of others that each normal entry will keep."""
    lines = [entry.args for entry in state.normal()] or [state.configured or state.running]
    return [edit(line, [*spelled(wish.owned), *absent_in(line, wish)], ()) for line in lines]


def _switched_off(
    theirs: Sequence[Sequence[str]], running: Sequence[str], args: Sequence[ArgWish]
) -> Iterator[Finding]:
    """What takes the IOMMU away at the next boot; what keeps it off now is told of the device."""
    needed = next((a for a in derived(args) if is_about_iommu(a.arg)), None)
    found = next((w for line in theirs for w in line if switches_off(w)), None)
    if needed and found and not has(running, found):
        yield refuse(
            "kernel-arg-conflict",
            needed.places[0],
            f"{found} is configured for the next boot, and not by reconcile: the IOMMU would be "
            "off then",
            f'take it out there, or with boot.absent_kernel_args = ["{found}"]',
        )


def _left(arg: str, where: str) -> Finding:
    return note(
        "kernel-arg-foreign",
        where,
        f"{arg} is on the command line already and not by reconcile: left to its owner",
        "take it out of the boot configuration by hand if reconcile shall own it",
    )


def _other_values(
    theirs: Sequence[Sequence[str]], change: BootEdit, places: dict[str, str]
) -> Iterator[Finding]:
    for arg in change.added:
        name = normal_name(name_of(arg))
        if name in _REPEATED or name in CPU_ARGS or hugepage_words([arg]):
            continue  # they may stand together, or are refused elsewhere
        words = [w for line in theirs for w in matching(line, name_of(arg)) if not same(w, arg)]
        if words:
            yield warn(
                "kernel-arg-other-value",
                places.get(arg, "boot"),
                f"{words[0]} is on the command line too, and not by reconcile: most parameters "
                f"take the last value, here {arg}",
                f'take it out there, or with boot.absent_kernel_args = ["{words[0]}"]',
            )
