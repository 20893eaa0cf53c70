"""CPUs as the kernel shows them (ABI sysfs-devices-system-cpu, admin-guide/cputopology.rst)."""

from __future__ import annotations

import re

from backends.numa import node_cpus, read_cpus, read_list
from backends.reader import Reader
from specs.record import Record
from specs.values import CpuSet

_CPU = "/sys/devices/system/cpu"
_NUMBERED = re.compile(r"cpu(\d+)\Z")
_HYBRID = ("cpu_core", "cpu_atom", "cpu_lowpower")  # perf PMUs of Intel's hybrid CPUs
_EMPTY = CpuSet(())
# The blocks of /proc/cpuinfo on ARM (arch/arm64/kernel/cpuinfo.c).
_PART = re.compile(r"^processor\s*: (\d+)$(?:\n.+)*?\nCPU part\s*: (\w+)$", re.MULTILINE)
# The flags that decide something here: virtualisation and the page sizes of x86.
_FLAGS = frozenset({"vmx", "svm", "pse", "pdpe1gb", "hypervisor"})


class Cpu(Record):
    """One online CPU. None is "the kernel does not say". ``package`` are the CPUs of its socket
    and ``siblings`` its core's threads, itself among them; ``l3`` share its level 3 cache,
    ``l2`` its level 2 cache where there is no other.
    ``kind`` is "" where all are alike: else Intel's name of its cores, or ARM's part number."""

    number: int
    node: int | None
    socket: int | None
    die: int | None
    core: int | None
    package: CpuSet
    siblings: CpuSet
    l3: CpuSet | None
    l2: CpuSet | None
    kind: str

    @property
    def cache(self) -> CpuSet | None:
        """The CPUs that share its last cache."""
        return self.l3 or self.l2


class CpuState(Record):
    """Every CPU of a host. ``nohz_full`` is None where the kernel has no CONFIG_NO_HZ_FULL;
    ``kernel_max`` is the highest CPU number it was built for; ``cpus`` are the online ones,
    ascending; ``flags`` are those of the first CPU that matter to passthrough."""

    possible: CpuSet
    present: CpuSet
    online: CpuSet
    offline: CpuSet
    isolated: CpuSet
    nohz_full: CpuSet | None
    kernel_max: int | None
    smt_control: str | None
    smt_active: bool | None
    cpus: tuple[Cpu, ...]
    vendor: str
    flags: frozenset[str]


def observe_cpus(reader: Reader) -> CpuState:
    """Read every CPU once. Reads are linear in cores: threads share what is said of their core.
    A tree with one of the lists of CPUs has them all: online ones are taken to be present."""
    listed, possible = _set(reader, "present"), _set(reader, "possible")
    online = _online(reader) or listed or possible
    present = listed or online
    cpuinfo = reader.read_text("/proc/cpuinfo") or ""
    vendor, flags = _identity(cpuinfo)
    smt_active = reader.read_text(f"{_CPU}/smt/active")
    return CpuState(
        possible=possible or present,
        present=present,
        online=online,
        offline=present - online,
        isolated=_set(reader, "isolated"),
        nohz_full=_nohz_full(reader),
        kernel_max=_number(reader.read_text(f"{_CPU}/kernel_max")),
        smt_control=_word(reader.read_text(f"{_CPU}/smt/control")),
        smt_active=None if smt_active is None else smt_active.strip() == "1",
        cpus=_topology(reader, online, _kinds(reader, cpuinfo)),
        vendor=vendor,
        flags=flags,
    )


def _online(reader: Reader) -> CpuSet:
    listed = _set(reader, "online")
    if listed:
        return listed
    # Before 2.6.26 there was no such file: a CPU was there, and on unless its own file says 0.
    matches = (_NUMBERED.match(name) for name in reader.list(_CPU))
    numbers = [int(m.group(1)) for m in matches if m]
    return CpuSet(n for n in numbers if _word(reader.read_text(f"{_CPU}/cpu{n}/online")) != "0")


def _nohz_full(reader: Reader) -> CpuSet | None:
    """Every kernel since 4.2 has ``isolated``, and those with CONFIG_NO_HZ_FULL ``nohz_full``
    beside it (drivers/base/cpu.c); a tree without both says nothing."""
    found = read_list(reader, f"{_CPU}/nohz_full")
    if found is None and reader.read_text(f"{_CPU}/isolated") is None:
        return _EMPTY
    return found


def _set(reader: Reader, name: str) -> CpuSet:
    return read_list(reader, f"{_CPU}/{name}") or _EMPTY


def _word(text: str | None) -> str | None:
    return None if text is None else text.strip()


def _number(text: str | None) -> int | None:
    """A number that the kernel knows; -1 is its "unknown" (an ARM board without PPTT)."""
    try:
        value = int(text or "")
    except ValueError:
        return None
    return value if value >= 0 else None


def _identity(cpuinfo: str) -> tuple[str, frozenset[str]]:
    """Vendor and flags of the first CPU in /proc/cpuinfo; ARM has ``CPU implementer``."""
    fields: dict[str, str] = {}
    for line in cpuinfo.partition("\n\n")[0].splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    vendor = fields.get("vendor_id") or fields.get("CPU implementer") or ""
    words = fields.get("flags") or fields.get("Features") or ""
    return vendor, _FLAGS & frozenset(words.split())


def _topology(reader: Reader, online: CpuSet, kinds: dict[int, str]) -> tuple[Cpu, ...]:
    nodes = {cpu: node for node, cpus in node_cpus(reader).items() for cpu in cpus}
    shared = _Shared({}, {}, {})
    for number in online:
        if number not in shared.cores:
            _read_core(reader, number, shared)
    return tuple(_cpu(n, nodes.get(n), kinds.get(n, ""), shared) for n in online)


def _kinds(reader: Reader, cpuinfo: str) -> dict[int, str]:
    """The kind of each CPU by number, where there are several. cpu_capacity is no help on ARM:
    cores of one kind differ there by a few per cent."""
    found = {cpu: kind for kind in _HYBRID for cpu in _kind(reader, kind)}
    if not found and "CPU part" in cpuinfo:
        found = {int(cpu): f"part {part}" for cpu, part in _PART.findall(cpuinfo)}
    return found if len(set(found.values())) > 1 else {}


def _kind(reader: Reader, kind: str) -> CpuSet:
    return read_list(reader, f"/sys/devices/{kind}/cpus") or _EMPTY


class _Core(Record):
    socket: int | None
    die: int | None
    core: int | None
    siblings: CpuSet


class _Cache(Record):
    level: int
    cpus: CpuSet


class _Shared(Record):
    """What has been read so far, by CPU number."""

    cores: dict[int, _Core]
    packages: dict[int, CpuSet]
    caches: dict[int, _Cache]


def _cpu(number: int, node: int | None, kind: str, shared: _Shared) -> Cpu:
    core, cache = shared.cores[number], shared.caches.get(number)
    return Cpu(
        number=number,
        node=node,
        socket=core.socket,
        die=core.die,
        core=core.core,
        package=shared.packages[number],
        siblings=core.siblings,
        l3=cache.cpus if cache and cache.level == 3 else None,
        l2=cache.cpus if cache and cache.level == 2 else None,
        kind=kind,
    )


def _read_core(reader: Reader, number: int, shared: _Shared) -> None:
    base = f"{_CPU}/cpu{number}/topology"
    siblings = _siblings(reader, f"{base}/thread_siblings", number)
    core = _Core(
        socket=_number(reader.read_text(f"{base}/physical_package_id")),
        die=_number(reader.read_text(f"{base}/die_id")),
        core=_number(reader.read_text(f"{base}/core_id")),
        siblings=siblings,
    )
    shared.cores.update((sibling, core) for sibling in siblings)
    if number not in shared.packages:
        package = _siblings(reader, f"{base}/core_siblings", number)
        shared.packages.update((cpu, package) for cpu in {*package, *siblings})
    if number not in shared.caches and (cache := _cache(reader, number)):
        shared.caches.update((cpu, cache) for cpu in cache.cpus)


def _siblings(reader: Reader, path: str, number: int) -> CpuSet:
    """A set that must hold the CPU itself; a tree without topology knows nothing else."""
    found = read_cpus(reader, f"{path}_list", path)
    return found if found and number in found else CpuSet((number,))


def _cache(reader: Reader, number: int) -> _Cache | None:
    """The level 3 cache of a CPU, else its level 2 cache."""
    base = f"{_CPU}/cpu{number}/cache"
    second = None
    for index in reversed(reader.list(base)):
        level = _word(reader.read_text(f"{base}/{index}/level"))
        if level == "3":
            return _shared_by(reader, f"{base}/{index}", 3)
        second = index if level == "2" else second
    return None if second is None else _shared_by(reader, f"{base}/{second}", 2)


def _shared_by(reader: Reader, folder: str, level: int) -> _Cache | None:
    cpus = read_cpus(reader, f"{folder}/shared_cpu_list", f"{folder}/shared_cpu_map")
    return _Cache(level, cpus) if cpus else None
