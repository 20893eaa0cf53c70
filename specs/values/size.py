"""Sizes in binary units: memory and huge pages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from specs.record import Record
from specs.values.base import Value

if TYPE_CHECKING:
    from typing_extensions import Self

_UNITS = "KMGTPE"
_SIZE = re.compile(r"(\d{1,20})\s?([KMGTPE])(iB)?", re.IGNORECASE | re.ASCII)
_DECIMAL = re.compile(r"\s*[\d.]+\s*[KMGTPE]B\s*", re.IGNORECASE | re.ASCII)
_PATTERN = r"^\s*[0-9]{1,20}\s?([KMGTPEkmgtpe])([iI][bB])?\s*$"
_LARGEST = 1 << 63


class MemorySize(Record, Value, order=True):
    """An amount of memory in bytes, a positive multiple of 1 KiB (libvirt's own unit)."""

    bytes: int

    EXPECTED: ClassVar = 'a size in binary units, such as "16G", "16GiB" or "512M"'
    PATTERN: ClassVar = _PATTERN
    EXAMPLES: ClassVar = ("16G", "512M")

    def __post_init__(self) -> None:
        if not 0 < self.bytes <= _LARGEST or self.bytes % 1024:
            raise ValueError(f"{self.bytes} bytes is no size; expected {self.EXPECTED}")

    @classmethod
    def from_kib(cls, kib: int) -> Self:
        """From KiB, as /proc/meminfo, sysfs and libvirt count."""
        return cls(kib * 1024)

    @classmethod
    def parse(cls, text: str) -> Self:
        """From a number and a unit: K, M, G, T, P, E or KiB, MiB, ..., any case."""
        match = _SIZE.fullmatch(text.strip())
        if match is None:
            raise cls.refuse(text, _reason(text))
        size = int(match[1]) << 10 * (_UNITS.index(match[2].upper()) + 1)
        if not 0 < size <= _LARGEST:
            raise cls.refuse(text, "is no size")
        return cls._sized(text, size)

    @classmethod
    def _sized(cls, text: str, size: int) -> Self:
        """The value of ``size`` bytes, or the error about ``text``."""
        return cls(size)

    @property
    def kib(self) -> int:
        """The size in KiB."""
        return self.bytes >> 10

    def __str__(self) -> str:
        """The shortest exact form: ``16G``, ``1536M``."""
        amount, unit = self.bytes >> 10, 0
        while not amount & 1023 and unit < len(_UNITS) - 1:
            amount, unit = amount >> 10, unit + 1
        return f"{amount}{_UNITS[unit]}"


class PageSize(MemorySize, order=True):
    """A memory page size in bytes: a power of two."""

    EXPECTED: ClassVar = 'a page size such as "2M" or "1G"'
    EXAMPLES: ClassVar = ("2M", "1G")

    def __post_init__(self) -> None:
        if self.bytes < 1024 or self.bytes & (self.bytes - 1):
            raise ValueError(f"{self.bytes} bytes is no power of two; expected {self.EXPECTED}")

    @classmethod
    def _sized(cls, text: str, size: int) -> Self:
        if size & (size - 1):
            raise cls.refuse(text, "is no power of two")
        return cls(size)


def _reason(text: str) -> str:
    """Why a text that looks like a size is none."""
    if re.fullmatch(r"\s*\d+\s*", text, re.ASCII):
        return "has no unit"
    if _DECIMAL.fullmatch(text):
        return f"counts in powers of ten: write {text.strip()[:-1]} or {text.strip()[:-1]}iB"
    if re.match(r"\s*\d*\.\d", text, re.ASCII):
        return "has a fraction: take the next smaller unit"
    return ""
