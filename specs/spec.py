"""The whole spec of a host."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from specs.boot import Boot
from specs.cpu import Cpu
from specs.fields import Items, SpecPath, Table, optional_table
from specs.host import Host
from specs.hugepages import Hugepages
from specs.later import Later
from specs.limits import Limits
from specs.problems import problem

if TYPE_CHECKING:
    from specs.device import Device
    from specs.sriov import Sriov
    from specs.vm import Vm
else:
    Device = Annotated[Any, Later("specs.device", "Device")]
    Sriov = Annotated[Any, Later("specs.sriov", "Sriov")]
    Vm = Annotated[Any, Later("specs.vm", "Vm")]


def _whole_number(found: object) -> object:
    """Python takes true and 1.0 for 1."""
    if isinstance(found, (bool, float)):
        raise problem(f"found {str(found).lower()}; expected 1")
    return found


class HostSpec(Table):
    """Declared state of one host: PCI passthrough, SR-IOV, CPU isolation, hugepages and VMs.

    A table that is absent is left alone, like an empty one. References between tables are checked
    by ``specs.load``, which knows where each stands.
    """

    version: Annotated[Literal[1], BeforeValidator(_whole_number)] = Field(
        description="Version of this format: 1."
    )
    extends: Items[SpecPath] = Field(
        default=(),
        description="Files that are merged first, in order, this file last; relative to this "
        "file. Tables merge key by key, entries of device, sriov and vm by their name, and "
        "everything else is replaced.",
        examples=[["../roles/gpu-node.toml"]],
    )
    host: Host = optional_table("The machine that the spec is for.")
    boot: Boot = optional_table("Kernel command line and bootloader.")
    cpu: Cpu = optional_table("CPUs for VMs and for the host.")
    hugepages: Hugepages = optional_table("Pools of huge pages.")
    limits: Limits = optional_table("Resource limits.")
    device: Items[Device] = Field(default=(), description="PCI functions for VMs.")
    sriov: Items[Sriov] = Field(default=(), description="Physical functions and their VFs.")
    vm: Items[Vm] = Field(default=(), description="Domains and what they get.")
