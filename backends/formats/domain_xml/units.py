"""libvirt's notations for sizes, CPU sets and PCI addresses, as canonical text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backends.formats.domain_xml.tree import DomainXmlError
from specs.values import CpuSet, MemorySize

if TYPE_CHECKING:
    from lxml.etree import _Element

# formatdomain, "Memory Allocation": KB is 1000 bytes, K and KiB are 1024; the default is KiB.
_BYTES = {
    "b": 1,
    "bytes": 1,
    "kb": 10**3,
    "k": 2**10,
    "kib": 2**10,
    "mb": 10**6,
    "m": 2**20,
    "mib": 2**20,
    "gb": 10**9,
    "g": 2**30,
    "gib": 2**30,
    "tb": 10**12,
    "t": 2**40,
    "tib": 2**40,
    "pb": 10**15,
    "p": 2**50,
    "pib": 2**50,
    "eb": 10**18,
    "e": 2**60,
    "eib": 2**60,
}

_LARGEST_KIB = 1 << 53  # 2**63 bytes, as specs.values has it
_DIGITS = 20  # of a number that libvirt's unsigned long long holds


def kib(number: str, unit: str | None) -> int | None:
    """A size in KiB, rounded up as libvirt does; None when it is not a size."""
    factor = _BYTES.get((unit or "KiB").lower())
    digits = number.strip()
    if factor is None or not (digits.isascii() and digits.isdigit()):
        return None
    size = -(-int(digits[:_DIGITS]) * factor // 1024)
    return size if len(digits) <= _DIGITS and size <= _LARGEST_KIB else None


def size_text(size_kib: int) -> str:
    """The shortest exact spelling with a binary unit: ``2M``, ``1G``, ``1536M``, ``4K``."""
    return str(MemorySize.from_kib(size_kib)) if size_kib else "0K"


def size_kib(text: str) -> int:
    """The inverse of ``size_text``; also takes ``16GiB``. Raises DomainXmlError."""
    try:
        return MemorySize.parse(text).kib
    except ValueError as e:
        raise DomainXmlError(str(e)) from e


def cpuset(text: str) -> CpuSet | None:
    """A libvirt cpuset (``1-4,^3,6``); None when malformed.

    formatdomain: a comma-separated list of numbers and ranges; ``^N`` takes one out again.
    """
    cpus = CpuSet()
    for part in text.split(","):
        item = part.strip()
        try:
            named = CpuSet.parse(item.removeprefix("^"))
        except ValueError:
            return None
        if not item or ":" in item:  # libvirt knows no strides
            return None
        cpus = cpus - named if item.startswith("^") else cpus | named
    return cpus


def cpuset_text(text: str) -> str | None:
    """A libvirt cpuset in canonical kernel list form; None when malformed."""
    cpus = cpuset(text)
    return None if cpus is None else str(cpus)


def pci_text(address: _Element | None) -> str | None:
    """The ``0000:01:00.0`` form of an ``<address domain= bus= slot= function=>`` element.

    Numbers may be decimal, octal or 0x-prefixed (libvirt reads them with base 0); ``domain``
    may be left out. None when the element is no PCI address.
    """
    if address is None:
        return None
    numbers = [_base0(address.get(name, "0")) for name in ("domain", "bus", "slot", "function")]
    parts = [number for number in numbers if number is not None]
    if len(parts) != 4 or address.get("bus") is None or address.get("slot") is None:
        return None
    return "{:04x}:{:02x}:{:02x}.{:x}".format(*parts)


def _base0(text: str) -> int | None:
    clean = text.strip().lower()
    try:
        if clean.startswith("0x"):
            return int(clean, 16)
        return int(clean, 8 if len(clean) > 1 and clean.startswith("0") else 10)
    except ValueError:
        return None


def pci_attributes(address: str) -> dict[str, str]:
    """The attributes of an ``<address>`` element for ``0000:01:00.0``, as libvirt prints them."""
    domain, bus, rest = address.split(":")
    slot, function = rest.split(".")
    return {
        "domain": f"0x{int(domain, 16):04x}",
        "bus": f"0x{int(bus, 16):02x}",
        "slot": f"0x{int(slot, 16):02x}",
        "function": f"0x{int(function, 16):x}",
    }
