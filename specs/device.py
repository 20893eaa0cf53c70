"""``[[device]]``: PCI functions that are taken from the host for VMs."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from specs.fields import DriverName, HostPath, Items, Mac, Name, Table, Word
from specs.problems import Checks
from specs.values import PciAddress, PciClass, PciId

if TYPE_CHECKING:
    from typing_extensions import Self

SELECTORS = ("address", "id", "class", "slot", "subsystem", "mac", "serial")


class Selector(Table):
    """What a function must be; all that is declared must hold."""

    model_config = ConfigDict(serialize_by_alias=True)

    address: PciAddress | None = Field(
        default=None,
        description="Address of the function (lspci -D). With id, a function that moved is "
        "noticed, and its new address named.",
    )
    id: PciId | None = Field(
        default=None,
        description="Vendor and device id (lspci -nn). Alone it must fit exactly one function, or "
        "count of them.",
    )
    class_: PciClass | None = Field(
        default=None,
        alias="class",
        description="Class of the function, by its first 2, 4 or 6 hex digits (lspci -nn, "
        "pci.ids), or by a name such as display, network, nvme or usb.",
    )
    slot: Word | None = Field(
        default=None,
        description="Physical slot, a directory of /sys/bus/pci/slots.",
        examples=["4"],
    )
    subsystem: PciId | None = Field(
        default=None, description="Subsystem vendor and device: the maker of the card (lspci -vnn)."
    )
    mac: Mac | None = Field(
        default=None,
        description="Permanent MAC address of the function's network interface.",
        examples=["3c:fd:fe:00:00:01"],
    )
    serial: Word | None = Field(
        default=None,
        description="Serial number of an NVMe controller, or the PCI Express device serial number "
        "(lspci -v as root), which all functions of a card share: class tells them apart.",
        examples=["S676NX0RA12345"],
    )

    @property
    def selectors(self) -> dict[str, object]:
        """What is declared of SELECTORS, by its key."""
        values = ((key, getattr(self, "class_" if key == "class" else key)) for key in SELECTORS)
        return {key: value for key, value in values if value is not None}


class Rom(Table):
    """Option ROM that the guest sees (libvirt formatdomain, <rom>)."""

    file: HostPath | None = Field(
        default=None,
        description="File on the host with the ROM image, instead of the card's own ROM.",
        examples=["/usr/share/vgabios.rom"],
    )
    bar: bool | None = Field(
        default=None,
        description="Whether the ROM is mapped into the guest at all (bar='on' or 'off').",
    )


class Device(Selector):
    """A PCI function for VMs; with count or multifunction, several under one name."""

    name: Name = Field(
        description="Name in this spec. A VM that lists it gets all its functions; NAME.0, "
        "NAME.1, ... are the single ones in the order of their addresses.",
        examples=["gpu"],
    )
    count: Annotated[int, Field(ge=1, le=4096)] | None = Field(
        default=None,
        description="How many functions must fit, no fewer and no more. Default: 1.",
        examples=[2],
    )
    multifunction: bool = Field(
        default=False,
        description="true: the other functions of the same card go along, and a VM gets them as "
        "one card.",
    )
    driver: DriverName = Field(
        default="vfio-pci",
        description="Driver that the function is given to, usually vfio-pci.",
        examples=["vfio-pci", "mlx5_vfio_pci"],
    )
    bind: Literal["boot", "vm"] = Field(
        default="boot",
        description="boot: kept from the host's driver from boot on, and bound now if nothing "
        "uses it. vm: the host keeps its driver until the VM starts and gets it back afterwards "
        "(libvirt's managed='yes').",
    )
    accept_siblings: Items[PciAddress] = Field(
        default=(),
        description="Other functions of the same IOMMU group that may be taken from the host too; "
        "without them a shared group is refused.",
        examples=[["0000:01:00.1"]],
    )
    rom: Rom | None = Field(default=None, description="Option ROM that the guest sees.")

    @model_validator(mode="after")
    def _agrees(self) -> "Self":
        """Something selects the device, and a count fits what selects it."""
        checks = Checks()
        chosen = self.selectors
        if not chosen:
            checks.add((), *nothing_selects("the device"))
        if self.count is not None and "address" in chosen:
            checks.add(("count",), "an address is that of one function; expected id or class")
        elif self.count is not None and chosen and not {"id", "class"} & set(chosen):
            checks.add(("count",), "several functions are counted by id or class, neither is there")
        checks.done()
        return self


def nothing_selects(what: str) -> tuple[str, str]:
    """Message and hint for a table that selects no function."""
    keys = ", ".join(SELECTORS)
    return f"nothing says which function is {what}", f"add one or more of {keys}"
