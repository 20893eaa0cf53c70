"""CPUs as the kernel shows them (ABI sysfs-devices-system-cpu, admin-guide/cputopology.rst)."""

from __future__ import annotations

import re
from collections.abc import Mapping

from backends.reader import Reader
from backends.topology.numa import node_cpus, read_cpus, read_list
from specs.record import Record, replace
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
    """Every CPU of a host. ``shows_isolated``: the file of that name is there, as with
    every kernel since 4.2. ``nohz_full`` is None where only that one is there: the kernel has no
    CONFIG_NO_HZ_FULL (drivers/base/cpu.c);
    ``kernel_max`` is the highest CPU number it was built for; ``cpus`` are the online ones,
    ascending; ``flags`` are those of the first CPU that matter to passthrough."""

    possible: CpuSet
    present: CpuSet
    online: CpuSet
    offline: CpuSet
    isolated: CpuSet
    shows_isolated: bool
    nohz_full: CpuSet | None
    kernel_max: int | None
    smt_control: str | None
    smt_active: bool | None
    cpus: tuple[Cpu, ...]
    vendor: str
    flags: frozenset[str]


def observe_cpus(reader: Reader) -> CpuState:
    """Read every CPU once. Reads are linear in cores: threads share what is said of their core.
    A tree with one of the lists of CPUs has them all: online ones are taken to be present; one with
    none of them has those of /proc/cpuinfo, which are online."""
    listed, possible = _set(reader, "present"), _set(reader, "possible")
    shown = _online(reader) or listed or possible
    cpuinfo = reader.read_text("/proc/cpuinfo") or ""
    told = {} if shown else _told(cpuinfo)
    online = shown or CpuSet(told)
    present = listed or online
    vendor, flags = _identity(cpuinfo)
    smt_active = reader.read_text(f"{_CPU}/smt/active")
    isolated = read_list(reader, f"{_CPU}/isolated")
    nohz_full = read_list(reader, f"{_CPU}/nohz_full")
    return CpuState(
        possible=possible or present,
        present=present,
        online=online,
        offline=present - online,
        isolated=isolated or _EMPTY,
        shows_isolated=isolated is not None,
        nohz_full=nohz_full if isolated is not None else nohz_full or _EMPTY,
        kernel_max=_number(reader.read_text(f"{_CPU}/kernel_max")),
        smt_control=_word(reader.read_text(f"{_CPU}/smt/control")),
        smt_active=None if smt_active is None else smt_active.strip() == "1",
        cpus=_topology(reader, online, _kinds(reader, cpuinfo), told),
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
    fields = _fields(cpuinfo.partition("\n\n")[0])
    vendor = fields.get("vendor_id") or fields.get("CPU implementer") or ""
    words = fields.get("flags") or fields.get("Features") or ""
    return vendor, _FLAGS & frozenset(words.split())


def _fields(block: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in block.splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    return fields


def _told(cpuinfo: str) -> dict[int, _Core]:
    """CPUs with their ids by /proc/cpuinfo (arch/x86/kernel/cpu/proc.c)."""
    blocks = (_fields(block) for block in cpuinfo.split("\n\n"))
    return {
        number: _Core(_number(f.get("physical id")), None, _number(f.get("core id")), None)
        for f in blocks
        if (number := _number(f.get("processor"))) is not None
    }


def _topology(
    reader: Reader, online: CpuSet, kinds: dict[int, str], told: dict[int, _Core]
) -> tuple[Cpu, ...]:
    nodes = {cpu: node for node, cpus in node_cpus(reader).items() for cpu in cpus}
    shared = _Shared(dict(told), dict.fromkeys(told), {})
    for number in online:
        if number not in shared.cores:
            _read_core(reader, number, shared)
    _group_by_ids(shared)
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
    """``siblings`` is None where no file has them."""

    socket: int | None
    die: int | None
    core: int | None
    siblings: CpuSet | None


class _Cache(Record):
    level: int
    cpus: CpuSet


class _Shared(Record):
    """What has been read so far, by CPU number."""

    cores: dict[int, _Core]
    packages: dict[int, CpuSet | None]
    caches: dict[int, _Cache]


def _cpu(number: int, node: int | None, kind: str, shared: _Shared) -> Cpu:
    core, cache = shared.cores[number], shared.caches.get(number)
    own = CpuSet((number,))
    return Cpu(
        number=number,
        node=node,
        socket=core.socket,
        die=core.die,
        core=core.core,
        package=shared.packages[number] or own,
        siblings=core.siblings or own,
        l3=cache.cpus if cache and cache.level == 3 else None,
        l2=cache.cpus if cache and cache.level == 2 else None,
        kind=kind,
    )


def _read_core(reader: Reader, number: int, shared: _Shared) -> None:
    base = f"{_CPU}/cpu{number}/topology"
    siblings = _siblings(reader, number, "thread_siblings", "core_cpus")
    core = _Core(
        socket=_number(reader.read_text(f"{base}/physical_package_id")),
        die=_number(reader.read_text(f"{base}/die_id")),
        core=_number(reader.read_text(f"{base}/core_id")),
        siblings=siblings,
    )
    threads = siblings or CpuSet((number,))
    shared.cores.update((sibling, core) for sibling in threads)
    if number not in shared.packages:
        package = _siblings(reader, number, "core_siblings", "package_cpus")
        shared.packages.update((cpu, package) for cpu in {*(package or ()), *threads})
    if number not in shared.caches and (cache := _cache(reader, number)):
        shared.caches.update((cpu, cache) for cpu in cache.cpus)


def _siblings(reader: Reader, number: int, *names: str) -> CpuSet | None:
    """A set that must hold the CPU itself, by its old or its new name (since 5.3)."""
    for name in names:
        path = f"{_CPU}/cpu{number}/topology/{name}"
        found = read_cpus(reader, f"{path}_list", path)
        if found and number in found:
            return found
    return None


def _group_by_ids(shared: _Shared) -> None:
    """A tree with ids and without sets: CPUs with all ids in common are threads of one core."""
    lone = {n: core for n, core in shared.cores.items() if core.siblings is None}
    cores = _groups({n: (c.socket, c.die, c.core) for n, c in lone.items() if c.core is not None})
    shared.cores.update((n, replace(lone[n], siblings=cores.get(n))) for n in lone)
    sockets = {n: shared.cores[n].socket for n, set_ in shared.packages.items() if set_ is None}
    shared.packages.update(_groups({n: s for n, s in sockets.items() if s is not None}))


def _groups(keys: Mapping[int, object]) -> dict[int, CpuSet]:
    """By number: all numbers with the same key."""
    found: dict[object, list[int]] = {}
    for number, key in keys.items():
        found.setdefault(key, []).append(number)
    return {number: CpuSet(found[key]) for number, key in keys.items()}


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
