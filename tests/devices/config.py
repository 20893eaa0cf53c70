"""Configuration spaces of PCI Express functions, made up."""

from __future__ import annotations

from backends.pci.config_space import Part


def config_space(control: int | None = None, serial: int | None = None) -> bytes:
    """Error reporting, then ACS with this control word and a device serial number; None: without
    it."""
    space = bytearray(4096)
    _capability(space, 0x100, 0x0001, 0x148)
    _capability(space, 0x148, 0x000D if control is not None else 0x0018, 0x200)
    space[0x14C:0x14E] = b"\x1f\0"
    space[0x14E:0x150] = (control or 0).to_bytes(2, "little")
    _capability(space, 0x200, 0x0003 if serial is not None else 0x0019, 0)
    space[0x204:0x20C] = (serial or 0).to_bytes(8, "little")
    return bytes(space)


def _capability(space: bytearray, offset: int, number: int, following: int) -> None:
    header = number | 1 << 16 | following << 20
    space[offset : offset + 4] = header.to_bytes(4, "little")


def part_of(space: bytes) -> Part:
    """The space as it is read: a part of it at a time."""
    return lambda offset, size: space[offset : offset + size]
