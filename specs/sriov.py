"""``[[sriov]]``: physical functions and the virtual functions they make."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, model_validator

from specs.device import Selector, nothing_selects
from specs.fields import DriverName, Items, Mac, Name, Table
from specs.problems import Checks, twice

if TYPE_CHECKING:
    from typing_extensions import Self


class VirtualFunction(Table):
    """Attributes that the physical function sets for one of its VFs (ip-link(8), "vf")."""

    index: Annotated[int, Field(ge=0, le=65535)] = Field(
        description="Number of the VF, from 0: [[sriov.vf]] index = 2 is NAME.2.",
        examples=[0],
    )
    mac: Mac | None = Field(
        default=None, description="MAC address that the VF gets.", examples=["02:11:22:33:44:00"]
    )
    vlan: Annotated[int, Field(ge=0, le=4094)] | None = Field(
        default=None,
        description="VLAN that the VF's traffic is tagged with; 0 switches tagging off.",
        examples=[100],
    )
    trust: bool | None = Field(
        default=None, description="Whether the VF may change its MAC address and go promiscuous."
    )
    spoofchk: bool | None = Field(
        default=None, description="Whether packets from a foreign MAC address are dropped."
    )


class Sriov(Selector):
    """A physical function and its VFs (Documentation/PCI/pci-iov-howto.rst)."""

    name: Name = Field(
        description="Name in this spec; its VFs are the devices NAME.0, NAME.1, ...",
        examples=["fabric"],
    )
    vfs: Annotated[int, Field(ge=0, le=65535)] = Field(
        description="Number of VFs (sriov_numvfs); 0 for none.",
        examples=[8],
    )
    vf_driver: DriverName = Field(
        default="vfio-pci", description="Driver that the VFs are given to, usually vfio-pci."
    )
    vf: Items[VirtualFunction] = Field(default=(), description="Attributes of single VFs.")

    @model_validator(mode="after")
    def _agrees(self) -> "Self":
        """Something selects the function; each VF exists and is described once."""
        checks = Checks()
        if not self.selectors:
            checks.add((), *nothing_selects("the physical function"))
        last = f"the last one is {self.vfs - 1}" if self.vfs else "there are none"
        for place, vf in enumerate(self.vf):
            if vf.index >= self.vfs:
                checks.add(("vf", place, "index"), f"there is no VF {vf.index}: {last}")
        for place, index in twice(vf.index for vf in self.vf):
            checks.add(("vf", place, "index"), f"VF {index} is described twice")
        checks.done()
        return self
