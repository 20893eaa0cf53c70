"""Whether the CPU sets of ``[cpu]`` can be had on this host, and make sense there."""

from __future__ import annotations

from collections.abc import Iterator

from backends.topology.cpu import CpuState
from reconciler.budget.sets import CpuSets, cores, cpu_sets, split_cores, whole_cores
from reconciler.budget.words import are, cpus, older
from reconciler.model import Finding, note, refuse, warn
from specs.cpu import Cpu as CpuTable
from specs.values import CpuSet

_SHOWN = 4  # cores named in one message


def cpu_findings(table: CpuTable, state: CpuState, release: str) -> Iterator[Finding]:
    """Everything that can be said of the sets themselves; silent where CPUs are not known."""
    sets = cpu_sets(table, state)
    if not state.present:
        for key in ("irq_affinity", "slices"):
            if getattr(table, key) and table.reserved is None:
                yield _unknown(f"cpu.{key}")
        return
    yield from _out_of_range(table, state)
    yield from _overlap(table)
    yield from _housekeeping(table, sets, state)
    yield from _nohz(table, sets, state, release)
    yield from _offline(sets, state)
    yield from _smt(sets, state)


def _unknown(where: str) -> Finding:
    message = "the CPUs of this host are not known here, so cpu.reserved cannot be worked out"
    return refuse("cpu-out-of-range", where, message, "declare cpu.reserved")


def declared(table: CpuTable) -> Iterator[tuple[str, CpuSet]]:
    """Every CPU list of the table with its spec path."""
    for key in ("isolated", "reserved", "nohz_full", "rcu_nocbs"):
        value = getattr(table, key)
        if isinstance(value, CpuSet):
            yield f"cpu.{key}", value


def _out_of_range(table: CpuTable, state: CpuState) -> Iterator[Finding]:
    for where, wanted in declared(table):
        if beyond := wanted - state.present:
            inside = wanted & state.present
            message = f"this host has no {cpus(beyond)}; it has {state.present}"
            yield refuse("cpu-out-of-range", where, message, _write(where, inside))


def _write(where: str, found: CpuSet) -> str:
    key = where.rpartition(".")[2]
    return f'write {key} = "{found}"' if found else f"take {key} out, or name CPUs of this host"


def _overlap(table: CpuTable) -> Iterator[Finding]:
    both = (table.isolated or CpuSet()) & (table.reserved or CpuSet())
    if both:
        reserved = (table.reserved or CpuSet()) - both
        isolated = (table.isolated or CpuSet()) - both
        hint = f'write reserved = "{reserved}"' if reserved else f'write isolated = "{isolated}"'
        message = f"{are(both)} both isolated and reserved"
        yield refuse("cpu-overlap", "cpu.reserved", message, hint)


def _housekeeping(table: CpuTable, sets: CpuSets, state: CpuState) -> Iterator[Finding]:
    left = state.online - sets.isolated
    if not left:
        message = "all CPUs are isolated: none is left for the host itself"
        yield refuse("cpu-no-housekeeping", "cpu.isolated", message, _leave_a_core(state))
        return
    if table.reserved is not None and not table.reserved & state.online:
        message = f"none of the reserved {cpus(table.reserved)} is online"
        yield refuse("cpu-no-housekeeping", "cpu.reserved", message, f'write reserved = "{left}"')
    yield from _boot_cpu(sets, state)
    idle = state.online - sets.isolated - sets.reserved
    if idle and sets.isolated and table.reserved is not None:
        message = f"{are(idle)} neither isolated nor reserved: nothing is kept on or off them"
        hint = f'write reserved = "{table.reserved | idle}"'
        yield note("cpu-unassigned", "cpu.reserved", message, hint)


def _boot_cpu(sets: CpuSets, state: CpuState) -> Iterator[Finding]:
    """nohz_full= loses the CPU that boots, irqaffinity= gains it (kernel/time/tick-sched.c,
    kernel/irq/irqdesc.c); isolcpus= takes it (seen in tests/resources/test_boot_args.py)."""
    first = min(state.online)
    for key, wanted in (("isolated", sets.isolated), ("nohz_full", sets.nohz_full)):
        if first in wanted:
            message = (
                f"CPU {first} boots the machine: the kernel keeps its own timers and interrupts on "
                "it whatever nohz_full and irqaffinity ask for"
            )
            rest = wanted - CpuSet((first,))
            hint = f'write {key} = "{rest}"' if rest else f"take {key} out"
            yield warn("cpu-boot-isolated", f"cpu.{key}", message, hint)
            return


def _leave_a_core(state: CpuState) -> str:
    core = cores(state)[0] if state.cpus else CpuSet((min(state.online),))
    rest = state.online - core
    return f'write isolated = "{rest}" and reserved = "{core}"' if rest else "take isolated out"


def _nohz(table: CpuTable, sets: CpuSets, state: CpuState, release: str) -> Iterator[Finding]:
    if not sets.nohz_full:
        return
    if state.nohz_full is None:
        message = "this kernel has no nohz_full (CONFIG_NO_HZ_FULL): it will ignore the argument"
        hint = "take nohz_full out, or boot a kernel that has it"
        yield warn("nohz-full-unsupported", "cpu.nohz_full", message, hint)
    differs = bool(table.isolation) and sets.nohz_full != sets.isolated
    # kernel/sched/isolation.c: lists of one flag must be equal, before 5.18 those of all flags.
    if differs and ("nohz" in table.isolation or older(release, 5, 18)):
        message = (
            f"the kernel drops nohz_full={sets.nohz_full}, as it is not the list of isolcpus "
            f"({sets.isolated})"
        )
        yield refuse("nohz-full-mismatch", "cpu.nohz_full", message, "write nohz_full = true")


def _offline(sets: CpuSets, state: CpuState) -> Iterator[Finding]:
    for where, wanted in (("cpu.isolated", sets.isolated), ("cpu.nohz_full", sets.nohz_full)):
        if off := wanted & state.offline:
            hint = f'write {where[4:]} = "{wanted - off}"' if wanted - off else ""
            yield warn("cpu-offline", where, f"{are(off)} offline{_why(state)}", hint)


def _why(state: CpuState) -> str:
    if state.smt_control in ("off", "forceoff"):
        return f" (SMT is switched off: smt/control says {state.smt_control})"
    return ""


def _smt(sets: CpuSets, state: CpuState) -> Iterator[Finding]:
    split = split_cores(sets.isolated & state.online, state)
    if not split:
        return
    names = "; ".join(f"{c & sets.isolated} without {c - sets.isolated}" for c in split[:_SHOWN])
    more = f" and {len(split) - _SHOWN} more" if len(split) > _SHOWN else ""
    whole = whole_cores(sets.isolated, state)
    grown = sets.isolated | CpuSet(cpu for core in split for cpu in core)
    keeps_host = bool(state.online - grown)
    better = grown if keeps_host else whole
    hint = f'write isolated = "{better}"' if better else "take whole cores (lscpu -e shows them)"
    message = f"threads of one core are on both sides: isolated are {names}{more}"
    yield warn("smt-split", "cpu.isolated", message, hint)


def kernel_age(release: str) -> Iterator[Finding]:
    """Kernels before 5.15 lack things that a plan relies on."""
    if older(release, 5, 15):
        message = f"kernel {release} is older than 5.15, the oldest that is supported"
        yield warn("kernel-too-old", "host", message, "boot a newer kernel")
