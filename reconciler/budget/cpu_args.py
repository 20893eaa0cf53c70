"""Kernel arguments from ``[cpu]`` (admin-guide/kernel-parameters.rst)."""

from __future__ import annotations

from collections.abc import Iterable

from backends.formats.cmdline import name_of, normal_name, value_of
from backends.topology.cpu import CpuState
from reconciler.budget.sets import cpu_sets
from reconciler.context import ArgWish
from specs.cpu import Cpu as CpuTable
from specs.values import CpuSet

NAMES = ("isolcpus", "nohz_full", "rcu_nocbs", "irqaffinity")


def cpu_args(table: CpuTable, state: CpuState, present: Iterable[str] = ()) -> tuple[ArgWish, ...]:
    """What the kernel is to be told. An argument of ``present`` that says the same in other
    words (``isolcpus=2,3`` for ``isolcpus=domain,2-3``) is kept as it is written."""
    sets = cpu_sets(table, state)
    wishes = []
    if sets.isolated and table.isolation:
        flags = ",".join(table.isolation)
        wishes.append(ArgWish(f"isolcpus={flags},{sets.isolated}", "cpu.isolated"))
    if sets.nohz_full:
        wishes.append(ArgWish(f"nohz_full={sets.nohz_full}", "cpu.nohz_full"))
    if sets.rcu_nocbs:
        wishes.append(ArgWish(f"rcu_nocbs={sets.rcu_nocbs}", "cpu.rcu_nocbs"))
    if table.irq_affinity and sets.reserved:
        wishes.append(ArgWish(f"irqaffinity={sets.reserved}", "cpu.irq_affinity"))
    last = max(state.possible, default=None)
    spelled = {meaning(word, last): word for word in present}
    return tuple(ArgWish(spelled.get(meaning(w.arg, last), w.arg), w.because) for w in wishes)


def meaning(word: str, last: int | None) -> tuple[str, frozenset[str], CpuSet | str | None]:
    """Name, isolcpus flags and CPUs of an argument; text that is no CPU list stands for itself.

    ``last`` is the highest possible CPU number, which ``N`` and ``all`` need.
    """
    name, value = normal_name(name_of(word)), value_of(word)
    if name not in NAMES or value is None:
        return name, frozenset(), value
    flags, text = split_flags(value) if name == "isolcpus" else (("",), value)
    try:
        return name, frozenset(flags), CpuSet.parse(text, last=last)
    except ValueError:
        return name, frozenset(flags), text


def split_flags(value: str) -> tuple[tuple[str, ...], str]:
    """Flags and list of an isolcpus value; without flags it means domain
    (kernel/sched/isolation.c, housekeeping_isolcpus_setup)."""
    words = value.split(",")
    count = next((i for i, w in enumerate(words) if not _is_flag(w)), len(words))
    return tuple(words[:count]) or ("domain",), ",".join(words[count:])


def _is_flag(word: str) -> bool:
    return word in ("nohz", "domain", "managed_irq")
