"""The document, put together from observed state."""

from __future__ import annotations

from backends.formats.cmdline import join
from backends.libvirt.health import Health
from reconciler import __version__
from reconciler.budget.sets import cores
from reconciler.budget.words import size
from reconciler.inspection.devices import functions
from reconciler.inspection.model import (
    BootPart,
    CorePart,
    CpuPart,
    EntryPart,
    HostPart,
    Inspection,
    LibvirtPart,
    MemoryPart,
    NodePart,
    PoolPart,
)
from reconciler.inspection.readiness import readiness
from reconciler.inspection.vms import vms
from reconciler.observe import HostState
from reconciler.plan import iommu_word


def inspect(state: HostState, health: Health | None = None) -> Inspection:
    """What a host is. Pure: nothing is read. Without ``health`` what it would tell is unknown."""
    health = health or Health()
    machines = vms(state, health)
    pci = functions(state, machines)
    return Inspection(
        format_version=1,
        tool_version=__version__,
        host=_host(state),
        readiness=readiness(state, pci, health),
        pci=pci,
        cpu=_cpu(state),
        memory=_memory(state),
        hugepages=_pools(state),
        boot=_boot(state),
        libvirt=LibvirtPart(
            uri=state.libvirt.uri,
            available=state.libvirt.available,
            message=state.libvirt.message,
            version=state.libvirt.version,
        ),
        vms=machines,
    )


def _host(state: HostState) -> HostPart:
    return HostPart(
        hostname=state.identity.hostname,
        machine_id=state.identity.machine_id,
        system=state.system,
        kernel=state.identity.kernel,
        bootloader=state.boot.loader,
        iommu=iommu_word(state),
    )


def _cpu(state: HostState) -> CpuPart:
    cpu = state.cpu
    return CpuPart(
        vendor=cpu.vendor,
        present=str(cpu.present),
        online=str(cpu.online),
        offline=str(cpu.offline),
        isolated=str(cpu.isolated),
        nohz_full=None if cpu.nohz_full is None else str(cpu.nohz_full),
        smt=cpu.smt_active,
        sockets=len({c.package for c in cpu.cpus}),
        threads_per_core=max((len(core) for core in cores(cpu)), default=0),
        cores=_cores(state),
    )


def _cores(state: HostState) -> tuple[CorePart, ...]:
    index = {cpu.number: cpu for cpu in state.cpu.cpus}
    firsts = ((threads, index[min(threads)]) for threads in cores(state.cpu))
    return tuple(
        CorePart(
            cpus=str(threads),
            core=cpu.core,
            socket=cpu.socket,
            node=cpu.node,
            l3=str(cpu.l3) if cpu.l3 else "",
            kind=cpu.kind,
        )
        for threads, cpu in firsts
    )


def _memory(state: HostState) -> MemoryPart:
    nodes = (
        NodePart(
            node=n.number,
            cpus=str(n.cpus),
            total_kib=n.total_kib,
            free_kib=n.free_kib,
            distances=dict(n.distances),
        )
        for n in state.memory.nodes
    )
    memory = state.memory
    return MemoryPart(
        total_kib=memory.total_kib or None,
        available_kib=memory.available_kib if memory.total_kib else None,
        nodes=tuple(nodes),
    )


def _pools(state: HostState) -> tuple[PoolPart, ...]:
    memory = state.memory
    return tuple(
        PoolPart(
            size=size(p.size_kib),
            size_kib=p.size_kib,
            node=p.node,
            total=p.total,
            free=p.free,
            surplus=p.surplus,
            mounts=tuple(m.path for m in memory.mounts if m.size_kib == p.size_kib),
        )
        for p in (*memory.pools, *memory.node_pools)
    )


def _boot(state: HostState) -> BootPart:
    boot = state.boot
    entries = (
        EntryPart(entry=e.id, title=e.title, args=join(e.args), kind=e.kind, default=e.default)
        for e in boot.entries
    )
    return BootPart(
        loader=boot.loader,
        evidence=boot.evidence,
        running=join(boot.running),
        configured=None if boot.configured is None else join(boot.configured),
        configured_gap=boot.configured_gap,
        next=tuple(entries),
        problems=tuple(p.message for p in boot.problems),
    )
