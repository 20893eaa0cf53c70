"""The document that ``--inspect`` prints. Its JSON Schema is docs/inspect.schema.json."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from specs.values import CpuSet

Status = Literal["pass", "fail", "unknown"]


class Part(BaseModel):
    """A frozen part of the document; unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class HostPart(Part):
    """Which machine this is."""

    hostname: str = Field(description="Name of the machine.")
    machine_id: str = Field(description="machine-id(5).")
    system: str = Field(description="Name of the distribution, empty if it does not say.")
    kernel: str = Field(description="Release of the running kernel.")
    bootloader: str = Field(description="Boot loader backend, or why there is none.")
    iommu: str = Field(description="intel, amd or other when it runs; off; none; unknown.")


class Check(Part):
    """One thing that passthrough needs."""

    check: str = Field(description="Stable name of the check.")
    status: Status = Field(description="unknown: it cannot be told from here.")
    message: str = Field(description="What was found.")
    hint: str = Field(description="What to do about it; empty if nothing.")


def check(name: str, status: Status, message: str, hint: str = "") -> Check:
    """One result."""
    return Check(check=name, status=status, message=message, hint=hint)


class Verdict(Part):
    """Whether a VM can have a function."""

    answer: Literal["yes", "with", "no", "unknown"] = Field(
        description="with: only together with others of its IOMMU group. unknown: the groups, or "
        "whether the host uses it, cannot be told, as because says."
    )
    together: tuple[str, ...] = Field(
        serialization_alias="with", description="Addresses that have to go along."
    )
    because: tuple[str, ...] = Field(description="Reasons for no or unknown.")
    notes: tuple[str, ...] = Field(description="What to mind when giving it away.")
    bind: Literal["boot", "vm"] = Field(
        description="vm: only while its VM runs, as the host needs it otherwise."
    )


class SriovPart(Part):
    """Virtual functions of a physical function."""

    total: int = Field(description="The most it can have.")
    enabled: int = Field(description="How many there are now.")
    functions: tuple[str, ...] = Field(description="Their addresses.")


class PciPart(Part):
    """One PCI function."""

    address: str = Field(description="Full address, lower case.")
    class_code: str = Field(
        serialization_alias="class", description="Class and subclass, four hex digits."
    )
    class_name: str = Field(description="The class in words.")
    vendor: str = Field(description="Vendor id, four hex digits.")
    device: str = Field(description="Device id, four hex digits.")
    subsystem: str = Field(description="vendor:device of the subsystem, or empty.")
    name: str = Field(description="Vendor and device in words, as pci.ids has them.")
    driver: str | None = Field(description="Bound driver.")
    iommu_group: int | None = Field(description="Number of its IOMMU group in this boot.")
    numa_node: int | None = Field(description="NUMA node that it is attached to.")
    parent: str | None = Field(description="The bridge directly above.")
    bridge: bool = Field(description="A bridge or port: no VM can have it.")
    used_for: tuple[str, ...] = Field(description="What the host uses it for.")
    reset: tuple[str, ...] = Field(description="Usable reset methods, in the kernel's order.")
    reset_known: bool = Field(description="false: the kernel does not tell (before 5.15).")
    sriov: SriovPart | None = Field(description="null: it has no SR-IOV.")
    physical_function: str | None = Field(description="The function that this VF belongs to.")
    interfaces: tuple[str, ...] = Field(description="Network interfaces on it.")
    vms: tuple[str, ...] = Field(description="VMs whose definition has it.")
    assignable: Verdict = Field(description="Whether a VM can have it.")

    @property
    def plumbing(self) -> bool:
        """A part of the chipset that nobody gives to a VM: bridges, and the processor's functions
        for memory, system and signals (PCI Code and ID Assignment; 0805 is an SD card reader)."""
        code = self.class_code
        return self.bridge or (code.startswith(("05", "06", "08", "11")) and code != "0805")


class CorePart(Part):
    """One core with its online threads."""

    cpus: str = Field(description="Its threads, a CPU list.")
    core: int | None = Field(description="core_id of the kernel.")
    socket: int | None = Field(description="physical_package_id of the kernel.")
    node: int | None = Field(description="NUMA node.")
    l3: str = Field(description="CPUs that share its level 3 cache, empty if not known.")
    kind: str = Field(description="Kind of core on hybrid processors, else empty.")


class CpuPart(Part):
    """Processors and their use. Sets are CPU lists in the kernel's form."""

    vendor: str = Field(description="vendor_id of /proc/cpuinfo.")
    present: str = Field(description="All CPUs.")
    online: str = Field(description="CPUs that run.")
    offline: str = Field(description="CPUs that are there and do not run.")
    isolated: str = Field(description="CPUs that the running kernel isolates (isolcpus=).")
    nohz_full: str | None = Field(description="null: the kernel has no nohz_full.")
    smt: bool | None = Field(description="Whether SMT is active; null if not known.")
    sockets: int = Field(description="Number of sockets with CPUs online; 0: not known.")
    threads_per_core: int = Field(description="The most threads that one core has online.")
    cores: tuple[CorePart, ...] = Field(description="Every core, by its first CPU.")


class NodePart(Part):
    """One NUMA node."""

    node: int = Field(description="Its number.")
    cpus: str = Field(description="Its CPUs.")
    total_kib: int = Field(description="Memory, KiB.")
    free_kib: int = Field(description="Free memory, KiB.")
    distances: dict[int, int] = Field(description="To each node (10 is local); empty if unknown.")


class MemoryPart(Part):
    """Memory of the host."""

    total_kib: int | None = Field(description="Memory, KiB; null: not known.")
    available_kib: int | None = Field(
        description="Memory that programs could get, KiB; null: not known."
    )
    nodes: tuple[NodePart, ...] = Field(description="NUMA nodes; none on a kernel without NUMA.")


class PoolPart(Part):
    """Huge pages of one size, of the whole host (node null) or of one node."""

    size: str = Field(description="Page size, such as 2M.")
    size_kib: int = Field(description="The same in KiB.")
    node: int | None = Field(description="null: the whole host.")
    total: int = Field(description="Pages in the pool.")
    free: int = Field(description="Pages that nobody uses.")
    surplus: int = Field(description="Pages beyond the configured number.")
    mounts: tuple[str, ...] = Field(description="Where this size is mounted.")


class EntryPart(Part):
    """One boot entry."""

    entry: str = Field(description="Its id.")
    title: str = Field(description="What the boot menu shows.")
    args: str = Field(description="Its kernel command line.")
    kind: str = Field(description="normal, recovery or foreign.")
    default: bool = Field(description="Boots when nobody chooses.")


class BootPart(Part):
    """The three truths of the kernel command line."""

    loader: str = Field(description="Boot loader backend.")
    evidence: tuple[str, ...] = Field(description="Why this one.")
    running: str = Field(description="Command line of the running kernel.")
    configured: str | None = Field(
        description="What the source files give a normal entry; null: cannot be told."
    )
    configured_gap: str = Field(description="Why it cannot be told.")
    next: tuple[EntryPart, ...] = Field(description="What the boot loader can start.")
    problems: tuple[str, ...] = Field(description="What is wrong with the configuration.")


class VmPart(Part):
    """One libvirt domain."""

    name: str = Field(description="Its name.")
    uuid: str = Field(description="Its UUID.")
    state: str = Field(description="running, paused, shut off or other.")
    autostart: bool = Field(description="Starts with the host.")
    persistent: bool = Field(description="false: it is gone when it stops.")
    vcpus: int | None = Field(default=None, description="Number of vCPUs.")
    vcpupin: tuple[str, ...] = Field(
        default=(), description="CPUs of each vCPU, empty where not pinned."
    )
    emulatorpin: str = Field(default="", description="CPUs of QEMU's own threads.")
    memory: str = Field(default="", description="Memory, such as 16G.")
    hugepages: str = Field(default="", description="Page size, empty without huge pages.")
    numatune: str = Field(
        default="", description="Where its memory comes from, empty if not bound."
    )
    devices: tuple[str, ...] = Field(default=(), description="PCI functions that it gets.")
    failed: tuple[str, ...] = Field(
        default=(),
        description="What QEMU said when its last start failed; empty if it did not, or if the "
        "logs were not read.",
    )

    @property
    def pinned(self) -> CpuSet:
        """All CPUs that its vCPUs are pinned to."""
        return CpuSet(cpu for pin in self.vcpupin if pin for cpu in CpuSet.parse(pin))


class LibvirtPart(Part):
    """The connection that VMs are seen through."""

    uri: str = Field(description="libvirt connection URI, or none.")
    available: bool = Field(description="Whether libvirt answered.")
    message: str = Field(description="Why not.")
    version: str = Field(description="Version of libvirt.")


class Inspection(Part):
    """What a host is."""

    format_version: Literal[1] = Field(description="Version of this format.")
    tool_version: str = Field(description="Version of reconcile.")
    host: HostPart
    readiness: tuple[Check, ...] = Field(description="What passthrough needs.")
    pci: tuple[PciPart, ...] = Field(description="Every PCI function, in address order.")
    cpu: CpuPart
    memory: MemoryPart
    hugepages: tuple[PoolPart, ...] = Field(description="Pools of the host, then of each node.")
    boot: BootPart
    libvirt: LibvirtPart
    vms: tuple[VmPart, ...] = Field(description="Domains that libvirt shows.")

    def to_json(self) -> dict[str, Any]:
        """The document as data."""
        return self.model_dump(mode="json", by_alias=True)


def schema() -> dict[str, Any]:
    """The JSON Schema of the document."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Inspection.model_json_schema(mode="serialization", by_alias=True),
    }
