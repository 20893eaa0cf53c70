"""PCI addresses, ids and classes (Documentation/PCI/sysfs-pci.rst, ABI/testing/sysfs-bus-pci)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from specs.record import Record
from specs.values.base import Value

if TYPE_CHECKING:
    from typing_extensions import Self

_ADDRESS = r"(?:([0-9a-fA-F]{1,8}):)?([0-9a-fA-F]{2}):([01][0-9a-fA-F])\.([0-7])"
_ID = r"([0-9a-fA-F]{4}):([0-9a-fA-F]{4})"


class PciAddress(Record, Value, order=True):
    """Domain (32 bit: VMD and others go past four digits), bus, slot 0-31, function 0-7."""

    domain: int
    bus: int
    slot: int
    function: int

    EXPECTED: ClassVar = 'a PCI address such as "0000:01:00.0" or "01:00.0" (hexadecimal)'
    PATTERN: ClassVar = f"^{_ADDRESS}$"
    EXAMPLES: ClassVar = ("0000:01:00.0", "10000:e1:00.0")

    @classmethod
    def parse(cls, text: str) -> Self:
        """From ``[domain:]bus:slot.function``, any case; the domain is 0000 when left out."""
        match = re.fullmatch(_ADDRESS, text)
        if match is None:
            raise cls.refuse(text, _address_reason(text))
        domain, bus, slot, function = (int(part or "0", 16) for part in match.groups())
        return cls(domain, bus, slot, function)

    def __str__(self) -> str:
        """As sysfs names it: ``0000:01:00.0``."""
        return f"{self.domain:04x}:{self.bus:02x}:{self.slot:02x}.{self.function:x}"


def _address_reason(text: str) -> str:
    """Which part of a text that looks like an address is wrong."""
    match = re.fullmatch(r"(?:([0-9a-f]+):)?([0-9a-f]+):([0-9a-f]+)\.([0-9a-f]+)", text, re.I)
    if match is None and re.fullmatch(_ADDRESS, f"{text}.0"):
        return f"has no function: write {text}.0"
    if match is None:
        return ""
    domain, bus, slot, _ = (part or "" for part in match.groups())
    if len(domain) > 8:
        return "has a domain of more than 8 digits"
    if len(bus) != 2:
        return "needs a bus of 2 digits"
    if len(slot) != 2 or int(slot, 16) > 0x1F:
        return "needs a slot from 00 to 1f"
    return "needs a function from 0 to 7"


class PciId(Record, Value):
    """Vendor and device (or subsystem vendor and subsystem device), 16 bit each."""

    vendor: int
    device: int

    EXPECTED: ClassVar = 'vendor and device id such as "10de:2489" (as lspci -nn prints them)'
    PATTERN: ClassVar = f"^{_ID}$"
    EXAMPLES: ClassVar = ("10de:2489",)

    @classmethod
    def parse(cls, text: str) -> Self:
        """From ``vvvv:dddd``, any case."""
        match = re.fullmatch(_ID, text)
        if match is None:
            plain = re.sub(r"0x", "", text, flags=re.IGNORECASE)
            written = re.fullmatch(_ID, plain) is not None
            raise cls.refuse(text, f"has 0x in it: write {plain}" if written else "")
        return cls(int(match[1], 16), int(match[2], 16))

    def __str__(self) -> str:
        return f"{self.vendor:04x}:{self.device:04x}"


_CLASS_NAMES = {
    "storage": "01",
    "sata": "0106",
    "sas": "0107",
    "nvme": "0108",
    "network": "02",
    "ethernet": "0200",
    "infiniband": "0207",
    "display": "03",
    "vga": "0300",
    "3d": "0302",
    "multimedia": "04",
    "audio": "0403",
    "serial": "0700",
    "usb": "0c03",
    "wireless": "0d",
    "accelerator": "12",
}


class PciClass(Record, Value):
    """The leading 2, 4 or 6 hex digits of a class code (PCI Code and ID Assignment, pci.ids)."""

    prefix: str

    EXPECTED: ClassVar = 'a PCI class: 2, 4 or 6 hex digits such as "0300", or one of ' + ", ".join(
        _CLASS_NAMES
    )
    PATTERN: ClassVar = (
        f"^([0-9a-fA-F]{{2}}|[0-9a-fA-F]{{4}}|[0-9a-fA-F]{{6}}|{'|'.join(_CLASS_NAMES)})$"
    )
    EXAMPLES: ClassVar = ("0300", "display")

    @classmethod
    def parse(cls, text: str) -> Self:
        """From digits (with or without 0x) or a name."""
        digits = _CLASS_NAMES.get(text.lower(), text.lower().removeprefix("0x"))
        if not re.fullmatch(r"(?:[0-9a-f]{2}){1,3}", digits):
            raise cls.refuse(text)
        return cls(digits)

    def matches(self, code: int) -> bool:
        """Whether a 24-bit class code (sysfs ``class``) belongs to this class."""
        return f"{code:06x}".startswith(self.prefix)

    def __str__(self) -> str:
        return self.prefix
