"""The extended configuration space of PCI Express functions.

Sources: PCI Express Base Specification, include/uapi/linux/pci_regs.h, drivers/pci/pci.c
(pci_find_ext_capability, pci_get_dsn). Unprivileged readers see the first 64 bytes only.
"""

from __future__ import annotations

from collections.abc import Callable

from backends.reader import Reader

_EXTENDED = 0x100  # PCI_CFG_SPACE_SIZE
_SERIAL_NUMBER = 0x03  # PCI_EXT_CAP_ID_DSN

Part = Callable[[int, int], bytes]
"""So many bytes of the space from an offset on; fewer where it ends."""


def whole(reader: Reader, device: str) -> Part | None:
    """The space of the function in this sysfs directory, read at once. None where it cannot be
    read, and while the function sleeps: reading would wake it (Documentation/power/pci.rst)."""
    space = (
        None if _asleep(reader, device) else reader.read_bytes(f"{device}/config", optional=True)
    )
    return None if space is None else lambda offset, size: space[offset : offset + size]


def piecewise(reader: Reader, device: str) -> Part | None:
    """The same, where little of it is looked at: captures hold no more than that."""
    if _asleep(reader, device):
        return None
    return lambda offset, size: reader.read_range(f"{device}/config", offset, size) or b""


def _asleep(reader: Reader, device: str) -> bool:
    status = reader.read_text(f"{device}/power/runtime_status", optional=True) or ""
    return status.strip() == "suspended"


def is_extended(part: Part) -> bool:
    """Whether there is, for this reader, more than conventional PCI has."""
    return len(part(_EXTENDED, 4)) == 4


def extended_capability(part: Part, number: int) -> int | None:
    """The offset of a capability. The list is walked once; a loop in it ends the walk."""
    offset, seen = _EXTENDED, set[int]()
    while offset >= _EXTENDED and offset not in seen:
        seen.add(offset)
        raw = part(offset, 4)
        header = int.from_bytes(raw, "little")
        if len(raw) < 4:
            return None
        if header & 0xFFFF == number:
            return offset
        offset = header >> 20 & 0xFFC
    return None


def serial_number(part: Part) -> str | None:
    """The device serial number as lspci -v shows it (``00-15-4d-ff-ff-13-5b-24``), the same for
    all functions of a card. None where there is none, or one that was never set."""
    offset = extended_capability(part, _SERIAL_NUMBER)
    raw = b"" if offset is None else part(offset + 4, 8)
    if len(raw) < 8 or set(raw) in ({0x00}, {0xFF}):
        return None
    return "-".join(f"{byte:02x}" for byte in reversed(raw))
