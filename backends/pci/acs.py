"""Access Control Services of PCIe ports: what makes IOMMU groups small.

Sources: PCI Express Base Specification (extended capability 000Dh), include/uapi/linux/pci_regs.h,
REQ_ACS_FLAGS in drivers/iommu/iommu.c.
"""

from __future__ import annotations

from backends.pci.config_space import Part, extended_capability, is_extended
from specs.record import Record

_ACS = 0x0D  # PCI_EXT_CAP_ID_ACS
# Source validation, P2P request redirect, P2P completion redirect, upstream forwarding.
_REQUIRED = {0x01: "SV", 0x04: "RR", 0x08: "CR", 0x10: "UF"}


class Acs(Record):
    """``status``: on, off (there, not switched on), absent, unknown (config space not readable).

    ``missing`` names the flags that grouping asks for and that are not on.
    """

    status: str
    missing: tuple[str, ...] = ()


def parse_acs(part: Part | None) -> Acs:
    """From a function's configuration space; unprivileged readers see 64 bytes of it only."""
    if part is None or not is_extended(part):
        return Acs("unknown")
    offset = extended_capability(part, _ACS)
    raw = b"" if offset is None else part(offset + 6, 2)
    if len(raw) < 2:
        return Acs("absent", tuple(_REQUIRED.values()))
    control = int.from_bytes(raw, "little")
    missing = tuple(name for bit, name in _REQUIRED.items() if not control & bit)
    return Acs("off" if missing else "on", missing)
