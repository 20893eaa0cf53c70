"""TuneD's profile against the tables of the spec: two owners of one thing undo each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backends.formats.cmdline import hugepage_words, name_of, normal_name, tokens
from backends.topology.tuned import Setting, TunedState
from reconciler.budget.cpu_args import NAMES
from reconciler.model import Finding, warn
from specs.cpu import Cpu as CpuTable
from specs.hugepages import Hugepages

# Settings that place work while the daemon runs, and what each of them does (tuned's plugins).
_PLACING = {
    ("scheduler", "isolated_cores"): "moves threads and interrupts",
    ("irqbalance", "banned_cpus"): "rewrites irqbalance's settings",
    ("irq", "affinity"): "moves interrupts",
    ("systemd", "cpu_affinity"): "sets CPUAffinity= of systemd",
}
# Profiles that come with TuneD and do all of that, for where their files are not to be seen.
_PARTITIONING = ("cpu-partitioning", "realtime")


def tuned_findings(tuned: TunedState, cpu: CpuTable, pages: Hugepages) -> Iterator[Finding]:
    """What the active profile does to CPUs and pools that the spec declares."""
    if cpu != CpuTable() and (does := [*_cpu_words(tuned), *_placing(tuned)]):
        yield _conflict(tuned, does, "cpu")
    if (pages.pages or pages.default_size) and (does := list(_page_words(tuned))):
        yield _conflict(tuned, does, "hugepages")


def _cpu_words(tuned: TunedState) -> Iterator[str]:
    """Arguments that it has put on every entry; else those that its profile will put there."""
    words = tokens(tuned.cmdline)
    own = [w for w in words if normal_name(name_of(w)) in NAMES]
    if own:
        yield _on_the_line(own)
    elif not words:
        will = {name_of(word): word for value in _cmdlines(tuned) for word in value.split()}
        shown = [_known(will[name]) for name in NAMES if name in will]
        yield from [_on_the_line(shown)] if shown else []


def _placing(tuned: TunedState) -> Iterator[str]:
    found = {(s.plugin, s.name) for s in tuned.settings}
    yield from (does for setting, does in _PLACING.items() if setting in found)
    if not tuned.known and not tuned.cmdline and tuned.profile.startswith(_PARTITIONING):
        yield "isolates CPUs by itself"


def _page_words(tuned: TunedState) -> Iterator[str]:
    """Of hugepages pairs from two owners nobody can say what the kernel makes of them."""
    words = tokens(tuned.cmdline)
    if block := hugepage_words(words):
        yield _on_the_line(block)
    elif not words and any("hugepages" in value for value in _cmdlines(tuned)):
        yield _on_the_line(["hugepages="])
    yield from (f"sets {s.name}" for s in tuned.settings if _sizes_a_pool(s))


def _cmdlines(tuned: TunedState) -> Iterator[str]:
    """What its profile adds to the line: ``+`` and then the words; after ``-`` it takes away."""
    values = (
        s.value for s in tuned.settings if (s.plugin, s.name[:7]) == ("bootloader", "cmdline")
    )
    return (value.strip("\"' ").lstrip("+") for value in values if not value.startswith("-"))


def _known(word: str) -> str:
    """The word, without a value that only TuneD can work out."""
    return f"{name_of(word)}=" if "$" in word else word


def _sizes_a_pool(setting: Setting) -> bool:
    return setting.plugin in ("sysctl", "sysfs") and "nr_hugepages" in setting.name


def _on_the_line(words: Sequence[str]) -> str:
    return f"puts {' '.join(words)} on the kernel command line"


def _conflict(tuned: TunedState, does: Sequence[str], where: str) -> Finding:
    message = f"TuneD's profile {tuned.profile} {', '.join(does)}"
    hint = "choose a profile without it: tuned-adm profile virtual-host; or take the table out"
    return warn("tuned-conflict", where, message, hint)
