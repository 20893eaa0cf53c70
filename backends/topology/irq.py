"""Interrupts: where they may run, and who moves them (core-api/irq/irq-affinity.rst)."""

from __future__ import annotations

from backends.formats.systemd_conf import environment
from backends.reader import Reader
from backends.topology.numa import parse_list, read_list, read_mask
from specs.record import Record
from specs.values import CpuSet

IRQS = "/proc/irq"
DEFAULT_AFFINITY = "/proc/irq/default_smp_affinity"
_UNIT_FOLDERS = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system")
_OLD_UNIT_FOLDER = "/lib/systemd/system"
_IRQBALANCE_FILES = (
    "/usr/lib/irqbalance/defaults.env",
    "/etc/default/irqbalance",
    "/etc/sysconfig/irqbalance",
)


class Irq(Record):
    """One interrupt. ``fixed``: the kernel keeps its affinity to itself (managed or per CPU);
    kernels before 6.12 do not show it and answer a write with EIO. ``hinted``: its driver asked
    for a place (affinity_hint), which a managed one's never does. ``names`` are those of its
    handlers; both are read only of interrupts that are not where new ones go."""

    number: int
    affinity: CpuSet
    fixed: bool
    hinted: bool = False
    names: tuple[str, ...] = ()


class Irqbalance(Record):
    """The daemon that spreads interrupts. ``banned`` is IRQBALANCE_BANNED_CPULIST where it is
    set; when it is not, irqbalance bans the isolated and nohz_full CPUs by itself."""

    installed: bool
    banned: CpuSet | None


class IrqState(Record):
    """Affinities. They come and go with devices and move under irqbalance: volatile."""

    VOLATILE = frozenset({"default", "irqs"})

    default: CpuSet | None
    irqs: tuple[Irq, ...]
    irqbalance: Irqbalance


def observe_irqs(reader: Reader) -> IrqState:
    """Read every interrupt's affinity and irqbalance's settings."""
    numbers = sorted(int(name) for name in reader.list(IRQS) if name.isdecimal())
    default = read_mask(reader, DEFAULT_AFFINITY)
    found = (_irq(reader, number, default or CpuSet()) for number in numbers)
    return IrqState(
        default=default,
        irqs=tuple(irq for irq in found if irq is not None),
        irqbalance=_irqbalance(reader),
    )


def _irq(reader: Reader, number: int, default: CpuSet) -> Irq | None:
    path = f"{IRQS}/{number}/smp_affinity_list"
    affinity = read_list(reader, path)
    stat = reader.stat(path)
    if affinity is None or stat is None:
        return None  # gone since the folder was listed
    fixed = not stat.mode & 0o222
    if affinity <= default and not fixed:
        return Irq(number, affinity, fixed)
    hint = read_mask(reader, f"{IRQS}/{number}/affinity_hint")
    return Irq(number, affinity, fixed, bool(hint), _names(reader, number))


def _names(reader: Reader, number: int) -> tuple[str, ...]:
    """Handlers show up as folders beside the attributes (kernel/irq/proc.c)."""
    attributes = {"affinity_hint", "node", "spurious", "smp_affinity", "smp_affinity_list"}
    attributes |= {"effective_affinity", "effective_affinity_list"}
    return tuple(n for n in reader.list(f"{IRQS}/{number}") if n not in attributes)


def _administrators(text: str) -> CpuSet:
    """A list that somebody wrote. Of one that cannot be read irqbalance keeps what it had read
    until then, and says nothing: no CPU of it is relied upon here."""
    try:
        return parse_list(text)
    except ValueError:
        return CpuSet()


def _irqbalance(reader: Reader) -> Irqbalance:
    banned: CpuSet | None = None
    for path in _IRQBALANCE_FILES:
        value = environment(reader.read_text(path) or "").get("IRQBALANCE_BANNED_CPULIST")
        if value:  # set to nothing counts as not set (irqbalance cputree.c, setup_banned_cpus)
            banned = _administrators(value)
    folders = (*_UNIT_FOLDERS, _OLD_UNIT_FOLDER)
    return Irqbalance(
        installed=any(reader.exists(f"{folder}/irqbalance.service") for folder in folders),
        banned=banned,
    )
