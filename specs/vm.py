"""``[[vm]]``: what a libvirt domain gets; keys are libvirt's own words (formatdomain)."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, model_validator

from specs.fields import DomainName, Items, Name, SpecPath, Table, optional_table
from specs.problems import Checks, twice
from specs.values import CpuSet
from specs.vm_devices import Controller, Disks, Evdev, Features, Memballoon, Shmem
from specs.vm_memory import Memory

if TYPE_CHECKING:
    from typing_extensions import Self

Number = Annotated[int, Field(ge=1, le=65535)]


class Cputune(Table):
    """Where the threads of the domain run; the CPUs are the host's."""

    vcpupin: Items[CpuSet] = Field(
        default=(),
        description="Host CPUs of each vCPU: the first entry is for vCPU 0.",
        examples=[["2", "10", "3", "11"]],
    )
    emulatorpin: CpuSet | None = Field(
        default=None,
        description="Host CPUs of QEMU's own threads; best taken from cpu.reserved.",
        examples=["0-1"],
    )
    iothreadpin: Items[CpuSet] = Field(
        default=(),
        description="Host CPUs of each iothread: the first entry is for iothread 1.",
        examples=[["0-1"]],
    )
    live: bool = Field(
        default=False,
        description="true: the threads of a running domain are moved at once, too. Otherwise pins "
        "take effect at its next start.",
    )


class Topology(Table):
    """Guest CPU topology; the product of all is the number of vCPUs."""

    sockets: Number = Field(default=1, description="Sockets.", examples=[1])
    dies: Number = Field(default=1, description="Dies per socket.", examples=[1])
    cores: Number = Field(description="Cores per die.", examples=[4])
    threads: Number = Field(default=1, description="Threads per core.", examples=[2])

    @property
    def vcpus(self) -> int:
        """The number of vCPUs that this makes."""
        return self.sockets * self.dies * self.cores * self.threads


class Vm(Table):
    """A libvirt domain; what is not declared here stays as it is in the domain."""

    name: DomainName = Field(description="Name of the domain.", examples=["win11"])
    definition: SpecPath | None = Field(
        default=None,
        description="Domain XML that is defined when the domain does not exist yet; relative to "
        "the file that says so.",
        examples=["win11.xml"],
    )
    devices: Items[Name] = Field(
        default=(),
        description="Devices of this spec that the domain gets as hostdevs: names of [[device]], "
        "and VFs such as fabric.0.",
        examples=[["gpu", "fabric.0"]],
    )
    autostart: bool | None = Field(
        default=None, description="Whether the domain starts with the host (virsh autostart)."
    )
    vcpu: Number | None = Field(default=None, description="Number of vCPUs.", examples=[8])
    topology: Topology | None = Field(
        default=None, description="Guest CPU topology (<cpu><topology>)."
    )
    iothreads: Annotated[int, Field(ge=0, le=1024)] | None = Field(
        default=None,
        description="Number of iothreads. Default: as many as iothreadpin pins.",
        examples=[1],
    )
    cputune: Cputune = optional_table("Pins of vCPUs, emulator and iothreads.")
    memory: Memory = optional_table("Memory size and what backs it.")
    disks: Disks = optional_table("Settings of every virtio disk of the domain.")
    features: Features = optional_table("Hypervisor features (<features>).")
    memballoon: Memballoon | None = Field(
        default=None,
        description="Memory balloon; none is right for a VM with devices, as their DMA keeps all "
        "of its memory in place.",
    )
    shmem: Items[Shmem] = Field(default=(), description="Shared memory devices (Looking Glass).")
    evdev: Items[Evdev] = Field(default=(), description="Input devices of the host for the guest.")
    controller: Items[Controller] = Field(default=(), description="virtio-scsi controllers.")

    @model_validator(mode="after")
    def _agrees(self) -> "Self":
        """Numbers of vCPUs and iothreads fit together; nothing is named twice."""
        checks = Checks()
        self._check_vcpus(checks)
        threads = self.cputune.iothreadpin
        if self.iothreads is not None and len(threads) > self.iothreads:
            checks.add(
                ("cputune", "iothreadpin"),
                f"pins {len(threads)} iothreads, but iothreads = {self.iothreads}",
            )
        for index, name in twice(self.devices):
            checks.add(("devices", index), f'"{name}" is there twice')
        for index, name in twice(shmem.name for shmem in self.shmem):
            checks.add(("shmem", index, "name"), f'"{name}" is there twice')
        for index, dev in twice(evdev.dev for evdev in self.evdev):
            checks.add(("evdev", index, "dev"), f'"{dev}" is there twice')
        for index, number in twice(controller.index for controller in self.controller):
            checks.add(("controller", index, "index"), f"controller {number} is there twice")
        checks.done()
        return self

    def _check_vcpus(self, checks: Checks) -> None:
        """``vcpu``, ``topology`` and ``vcpupin`` say the same number (pins may be fewer)."""
        made = None if self.topology is None else self.topology.vcpus
        if self.vcpu is not None and made not in (None, self.vcpu):
            checks.add(("topology",), f"makes {made} vCPUs, but vcpu = {self.vcpu}")
        vcpus, pinned = self.vcpu or made, len(self.cputune.vcpupin)
        if vcpus is not None and pinned > vcpus:
            checks.add(("cputune", "vcpupin"), f"pins {pinned} vCPUs, but there are {vcpus}")
