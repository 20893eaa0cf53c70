"""How a host is told, in whatever format: signs, facts of a device, verdicts, sums."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from backends.formats.cmdline import join, tokens
from reconciler.budget.words import count, size
from reconciler.inspection.model import Inspection, PciPart, PoolPart, VmPart
from specs.values import CpuSet

_NAMED = 3  # functions that a verdict names one by one
SIGNS = {"pass": ("✓", "green"), "fail": ("✗", "red"), "unknown": ("?", "yellow")}
ANSWERS = {
    "yes": ("✓", "green"),
    "with": ("✓", "green"),
    "no": ("✗", "red"),
    "unknown": ("?", "yellow"),
}


def system(found: Inspection) -> list[str]:
    """``Debian GNU/Linux 12 (bookworm)`` and ``Linux 6.1.0``, as far as they are known."""
    host = found.host
    return [
        *([host.system] if host.system else []),
        *([f"Linux {host.kernel}"] * bool(host.kernel)),
    ]


def by_group(functions: Iterable[PciPart]) -> list[tuple[int | None, list[PciPart]]]:
    """Groups in order of number, last what has none; members in address order."""
    groups: dict[int | None, list[PciPart]] = {}
    for function in functions:
        groups.setdefault(function.iommu_group, []).append(function)
    return sorted(groups.items(), key=lambda item: (item[0] is None, item[0] or 0))


def facts(function: PciPart) -> str:
    """Id, driver, node, virtual functions and use in one line."""
    words = [f"[{function.vendor}:{function.device}]"]
    words.append(f"driver {function.driver}" if function.driver else "no driver")
    if function.numa_node is not None:
        words.append(f"node {function.numa_node}")
    if function.sriov is not None:
        words.append(f"{function.sriov.enabled} of {function.sriov.total} VFs")
    if function.physical_function:
        words.append(f"VF of {function.physical_function}")
    if function.vms:
        words.append(f"VM {', '.join(function.vms)}")
    if function.used_for:
        words.append(f"used for {', '.join(function.used_for)}")
    return ", ".join(words)


def verdict(function: PciPart) -> str:
    """``can be given away: yes``, ``with ...``, or ``no: ...``."""
    found = function.assignable
    said = {
        "yes": "yes",
        "with": f"with {_others(found.together)}",
        "no": f"no, {'; '.join(found.because)}",
        "unknown": f"not known, {'; '.join(found.because)}",
    }[found.answer]
    held = ', while its VM runs (bind = "vm")' if found.bind == "vm" else ""
    return f"can be given away: {said}{held}"


def _others(addresses: Sequence[str]) -> str:
    """The functions that go along; of many the number: the group shows them."""
    if len(addresses) <= _NAMED:
        return ", ".join(addresses)
    return f"the {len(addresses)} others of its group"


def cpu_summary(found: Inspection) -> str:
    """``GenuineIntel, 1 socket, 8 cores, 2 threads each``."""
    cpu = found.cpu
    if not cpu.cores:
        return "not shown here"
    # ARM tells a number for who made it (MIDR_EL1.Implementer).
    words = [f"ARM, made by {cpu.vendor}" if cpu.vendor.startswith("0x") else cpu.vendor]
    words = [word for word in words if word]
    words.append(count(cpu.sockets, "socket"))
    words.append(count(len(cpu.cores), "core"))
    if cpu.threads_per_core > 1:
        words.append(f"{cpu.threads_per_core} threads each")
    return ", ".join(words)


def places(found: Inspection) -> list[tuple[str, list[str]]]:
    """Threads of each core, by node and level 3 cache."""
    found_at: dict[tuple[int | None, str], list[str]] = {}
    for core in found.cpu.cores:
        found_at.setdefault((core.node, core.l3), []).append(core.cpus)
    several = len({l3 for _, l3 in found_at}) > len({node for node, _ in found_at})
    names = {place: "cores" if place[0] is None else f"node {place[0]}" for place in found_at}
    return [
        (f"{names[node, l3]}, L3 {l3}" if l3 and several else names[node, l3], cores)
        for (node, l3), cores in found_at.items()
    ]


def pages(pool: PoolPart) -> str:
    """``16 (4 free)``, or ``0``."""
    return f"{pool.total} ({pool.free} free)" if pool.total else "0"


def amount(kib: int | None) -> str:
    """Memory, where it is known."""
    return "not known" if kib is None else size(kib)


def memory_summary(found: Inspection) -> str:
    """``64G, 62G available``."""
    memory = found.memory
    if memory.total_kib is None:
        return "not shown here"
    return f"{size(memory.total_kib)}, {amount(memory.available_kib)} available"


def configured(found: Inspection) -> str:
    """What the boot configuration says, or why that cannot be told."""
    boot = found.boot
    if boot.configured is None:
        return boot.configured_gap or "not known"
    return boot.configured or "nothing"


def entry_args(args: str, running: str) -> str:
    """What a boot entry will bring, seen from what runs: ``as running, plus iommu=pt``."""
    then, now = tokens(args), tokens(running)
    plus = [word for word in then if word not in now]
    minus = [word for word in now if word not in then]
    if not running or not (plus or minus or then == now):
        return args
    parts = [("plus", plus), ("without", minus)]
    said = ["as running", *(f"{word} {join(words)}" for word, words in parts if words)]
    return ", ".join(said)


def no_vms(found: Inspection) -> str:
    """Why there are no VMs to show."""
    return "none" if found.libvirt.available else found.libvirt.message


def pins(vm: VmPart) -> str:
    """``4 on 2-3,10-11``, or ``4, not pinned``."""
    number = "?" if vm.vcpus is None else str(vm.vcpus)
    pinned = vm.pinned
    return f"{number} on {CpuSet(pinned)}" if pinned else f"{number}, not pinned"


def backing(vm: VmPart) -> str:
    """``16G in 1G pages, strict 0``."""
    words = [vm.memory or "?"]
    if vm.hugepages:
        words.append(f"in {vm.hugepages} pages")
    if vm.numatune:
        words.append(f"({vm.numatune})")
    return " ".join(words)
