"""Access Control Services of PCIe ports: what makes IOMMU groups small.

Sources: PCI Express Base Specification (extended capability 000Dh), include/uapi/linux/pci_regs.h,
REQ_ACS_FLAGS in drivers/iommu/iommu.c.
"""

from __future__ import annotations

from specs.record import Record

_EXTENDED = 0x100  # PCI_CFG_SPACE_SIZE
_ACS = 0x0D  # PCI_EXT_CAP_ID_ACS
# Source validation, P2P request redirect, P2P completion redirect, upstream forwarding.
_REQUIRED = {0x01: "SV", 0x04: "RR", 0x08: "CR", 0x10: "UF"}


class Acs(Record):
    """``status``: on, off (there, not switched on), absent, unknown (config space not readable).

    ``missing`` names the flags that grouping asks for and that are not on.
    """

    status: str
    missing: tuple[str, ...] = ()


def parse_acs(config: bytes | None) -> Acs:
    """From a function's configuration space; unprivileged readers see 64 bytes of it only."""
    if config is None or len(config) <= _EXTENDED:
        return Acs("unknown")
    offset = _find(config)
    if offset is None:
        return Acs("absent", tuple(_REQUIRED.values()))
    control = int.from_bytes(config[offset + 6 : offset + 8], "little")
    missing = tuple(name for bit, name in _REQUIRED.items() if not control & bit)
    return Acs("off" if missing else "on", missing)


def _find(config: bytes) -> int | None:
    """The offset of the capability. The list is walked once; a loop in it ends the walk."""
    offset, seen = _EXTENDED, set[int]()
    while offset >= _EXTENDED and offset + 8 <= len(config) and offset not in seen:
        seen.add(offset)
        header = int.from_bytes(config[offset : offset + 4], "little")
        if header & 0xFFFF == _ACS:
            return offset
        offset = header >> 20 & 0xFFC
    return None
