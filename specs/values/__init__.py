"""The words of a host: addresses, CPU lists, sizes, arguments; parsed once, printed one way."""

from specs.values.cpuset import CPU_LIMIT, CpuSet, NodeSet
from specs.values.kernel_arg import KernelArg
from specs.values.pci import PciAddress, PciClass, PciId
from specs.values.size import MemorySize, PageSize

__all__ = [
    "CPU_LIMIT",
    "CpuSet",
    "KernelArg",
    "MemorySize",
    "NodeSet",
    "PageSize",
    "PciAddress",
    "PciClass",
    "PciId",
]
