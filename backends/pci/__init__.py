"""PCI: functions, their groups and capabilities, and what decides whether VFIO can have them."""

from __future__ import annotations

from backends.pci.functions import (
    PciFunction,
    PciState,
    functions_in,
    observe_pci,
    vf_addresses,
)

__all__ = ["PciFunction", "PciState", "functions_in", "observe_pci", "vf_addresses"]
