"""Tables of ``[[vm]]`` for features and devices that passthrough guests usually want."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from specs.fields import HostPath, Name, Table, Text, optional_table
from specs.problems import Checks
from specs.values import MemorySize

if TYPE_CHECKING:
    from typing_extensions import Self

Memballoon = Literal["none", "virtio"]
VendorId = Annotated[str, Text(r"[!-+\--~]{1,12}", "1 to 12 printable characters without comma")]


class Disks(Table):
    """Every disk on virtio, or on SCSI behind a virtio-scsi controller."""

    discard: Literal["unmap", "ignore"] | None = Field(
        default=None, description="Whether the guest's discards reach the disk (<driver discard=>)."
    )


class Kvm(Table):
    """``<features><kvm>``."""

    hidden: bool | None = Field(
        default=None,
        description="true: the guest is not told that it runs on KVM (<hidden state=>).",
    )


class Hyperv(Table):
    """``<features><hyperv>``."""

    vendor_id: VendorId | None = Field(
        default=None,
        description="Hypervisor vendor that the guest sees (<vendor_id value=>).",
        examples=["0123456789ab"],
    )


class Features(Table):
    """What some guest drivers look at before they work in a VM."""

    kvm: Kvm = optional_table("Features of KVM itself.")
    hyperv: Hyperv = optional_table("Features of Hyper-V that KVM offers.")


class Shmem(Table):
    """Shared memory between host and guest (<shmem>), as Looking Glass uses it."""

    name: Name = Field(
        description="Name; the host sees it as /dev/shm/NAME.", examples=["looking-glass"]
    )
    size: MemorySize = Field(description="Size: a power of two, 1M or more.", examples=["32M"])
    model: Literal["ivshmem-plain"] = Field(default="ivshmem-plain", description="Device model.")

    @model_validator(mode="after")
    def _agrees(self) -> "Self":
        """A PCI BAR has a power of two for its size."""
        checks = Checks()
        if self.size.bytes & (self.size.bytes - 1) or self.size.bytes < 1 << 20:
            checks.add(("size",), f'found "{self.size}"; expected a power of two, 1M or more')
        checks.done()
        return self


class Evdev(Table):
    """An input device of the host for the guest (<input type='evdev'>)."""

    model_config = ConfigDict(serialize_by_alias=True)

    dev: HostPath = Field(
        description="Device file, best one that keeps its name.",
        examples=["/dev/input/by-id/usb-Keyboard-event-kbd"],
    )
    grab: Literal["all"] | None = Field(
        default=None, description="all: grabbing one device grabs all evdev devices of the guest."
    )
    repeat: bool | None = Field(
        default=None, description="Whether keys repeat (repeat='on' or 'off')."
    )
    grab_toggle: (
        Literal["ctrl-ctrl", "alt-alt", "shift-shift", "meta-meta", "scrolllock", "ctrl-scrolllock"]
        | None
    ) = Field(
        default=None,
        alias="grabToggle",
        description="Keys that move the device between host and guest.",
    )


class Controller(Table):
    """A virtio-scsi controller (<controller type='scsi' model='virtio-scsi'>)."""

    index: Annotated[int, Field(ge=0, le=255)] = Field(
        default=0,
        description="Number of the controller.",
        examples=[0],
    )
    type: Literal["scsi"] = Field(default="scsi", description="Kind of the controller.")
    model: Literal["virtio-scsi"] = Field(default="virtio-scsi", description="Device model.")
    queues: Annotated[int, Field(ge=1, le=256)] | None = Field(
        default=None,
        description="Number of queues, best that of the vCPUs (<driver queues=>).",
        examples=[4],
    )
    iothread: Annotated[int, Field(ge=1, le=1024)] | None = Field(
        default=None,
        description="Iothread that serves it, from 1 (<driver iothread=>).",
        examples=[1],
    )
