"""Kernel arguments of one spec that say different things: a table's, and the user's own words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backends.formats.cmdline import hugepage_words, name_of, normal_name, same, same_name, value_of
from reconciler.budget.cpu_args import NAMES as CPU_ARGS
from reconciler.context import ArgWish
from reconciler.model import Finding, refuse

_OWN = "boot.kernel_args"
_SWITCHES = frozenset({"iommu", "intel_iommu", "amd_iommu"})
# Where the kernel keeps one of two that differ, and which one depends on its version.
_ONE_VALUE = frozenset({*CPU_ARGS, "default_hugepagesz"})
# What kstrtobool() takes for false (lib/kstrtox.c), for iommu.passthrough=.
_FALSE = frozenset({"0", "n", "no", "of", "off", "f", "false"})


def findings(args: Sequence[ArgWish], absent: Sequence[str]) -> Iterator[Finding]:
    """``kernel-arg-conflict`` for each word of ``[boot]`` that undoes what another table, or
    ``boot.iommu``, stands for. NAME in ``absent`` is no such word: it is about other values."""
    others = derived(args)
    for wish in args:
        if wish not in others:
            yield from _against(wish.arg, wish.because, others)
    for index, pattern in enumerate(absent):
        found = next((d for d in others if same(pattern, d.arg)), None)
        if found:
            where = f"boot.absent_kernel_args[{index}]"
            message = f"{pattern} is unwanted here, and {found.places[0]} stands for it"
            yield refuse("kernel-arg-conflict", where, message, _hint(found))


def derived(args: Sequence[ArgWish]) -> tuple[ArgWish, ...]:
    """The arguments that follow from something else than ``boot.kernel_args``."""
    return tuple(a for a in args if not a.because.startswith(_OWN))


def switches_off(word: str) -> bool:
    """Whether the argument leaves the IOMMU off (kernel-parameters.txt)."""
    name, value = normal_name(name_of(word)), value_of(word) or ""
    return name in _SWITCHES and "off" in value.split(",")


def is_about_iommu(word: str) -> bool:
    """Whether the argument says whether, or how, the IOMMU is used."""
    return normal_name(name_of(word)) in {*_SWITCHES, "iommu.passthrough"}


def _against(word: str, where: str, others: Sequence[ArgWish]) -> Iterator[Finding]:
    found = next((d for d in others if _differ(word, d.arg)), None)
    if found:
        message = f"{word} contradicts {found.arg}, which {found.places[0]} stands for"
        yield refuse("kernel-arg-conflict", where, message, _hint(found))


def _differ(word: str, other: str) -> bool:
    name = normal_name(name_of(other))
    if name in _ONE_VALUE:
        return same_name(word, other)
    if hugepage_words([other]):
        return bool(hugepage_words([word])) and normal_name(name_of(word)) not in _ONE_VALUE
    if not is_about_iommu(other):
        return False
    wanted, meant = _passthrough(other), _passthrough(word)
    return switches_off(word) or (None not in (wanted, meant) and wanted != meant)


def _passthrough(word: str) -> bool | None:
    """What the argument says about the host's own DMA, if anything."""
    name, value = normal_name(name_of(word)), value_of(word) or ""
    if name == "iommu.passthrough":
        return value.lower() not in _FALSE
    modes = value.split(",") if name == "iommu" else []
    return True if "pt" in modes else False if "nopt" in modes else None


def _hint(wish: ArgWish) -> str:
    if _passthrough(wish.arg) is not None:
        other = "translated" if _passthrough(wish.arg) else "passthrough"
        return f'take it out of [boot], or write iommu = "{other}" there'
    return f"take it out of [boot]: {wish.places[0]} decides this"
