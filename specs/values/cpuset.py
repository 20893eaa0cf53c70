"""Sets of CPUs in the kernel's list grammar (kernel-parameters.rst, lib/bitmap-str.c)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from specs.values.base import Value, quoted

if TYPE_CHECKING:
    from typing_extensions import Self

CPU_LIMIT = 65_536
"""First CPU number that is refused; the largest kernel configuration (x86 MAXSMP) has 8,192."""

_LONGEST_TEXT = 8 * CPU_LIMIT
_NUMBER = r"(?:\d+|N)"
# A stride needs a range: the kernel takes "3:1/2" for an error.
_REGION = re.compile(
    rf"(?P<start>{_NUMBER})"
    rf"|(?:(?P<first>{_NUMBER})-(?P<end>{_NUMBER})|(?P<all>[aA][lL][lL]))"
    rf"(?::(?P<used>{_NUMBER})/(?P<group>{_NUMBER}))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, init=False, repr=False)
class CpuSet(Value):
    """An immutable set of CPU numbers, kept as a bit mask; iterates in ascending order."""

    mask: int

    EXPECTED: ClassVar = 'a CPU list in the kernel\'s form, such as "0-3,8" or "0-15:2/4"'
    PATTERN: ClassVar = r"^[0-9,:/\s-]*[0-9][0-9,:/\s-]*$"
    EXAMPLES: ClassVar = ("2-7,10-15", "0-15:2/4")

    def __init__(self, cpus: Iterable[int] = ()) -> None:
        """The set of these numbers; ValueError for a number outside 0..CPU_LIMIT-1."""
        mask = 0
        for cpu in cpus:
            if not 0 <= cpu < CPU_LIMIT:
                raise ValueError(f"CPU {cpu} is outside 0-{CPU_LIMIT - 1}")
            mask |= 1 << cpu
        object.__setattr__(self, "mask", mask)

    @classmethod
    def from_mask(cls, mask: int) -> Self:
        """The set whose bit mask is ``mask`` (bit 0 is CPU 0)."""
        if mask < 0 or mask.bit_length() > CPU_LIMIT:
            raise ValueError(f"a CPU mask with bits outside 0-{CPU_LIMIT - 1}")
        new = cls()
        object.__setattr__(new, "mask", mask)
        return new

    @classmethod
    def parse(cls, text: str, *, last: int | None = None) -> Self:
        """From a CPU list; "" is the empty set, as in sysfs. ``last`` is what ``N`` stands for."""
        if len(text) > _LONGEST_TEXT:
            raise cls.refuse(text, f"has {len(text)} characters")
        mask = 0
        for region in re.findall(r"[^,\s]+", text, re.ASCII):
            mask |= cls._region(text, region, last)
        return cls.from_mask(mask)

    @classmethod
    def _region(cls, text: str, region: str, last: int | None) -> int:
        """The mask of one region: ``N``, ``N-M``, ``N-M:used/group`` or ``all``."""
        match = _REGION.fullmatch(region)
        if match is None:
            raise cls.refuse(text, "" if region == text else f"has {quoted(region)} in it")
        if match["all"]:
            start, end = 0, cls._number(text, "N", last)
        else:
            start = cls._number(text, match["start"] or match["first"], last)
            end = cls._number(text, match["start"] or match["end"], last)
        if start > end:
            raise cls.refuse(text, f"has a range that goes down ({region}): write {end}-{start}")
        width = end - start + 1
        if match["used"] is None:
            return ((1 << width) - 1) << start
        used, group = (cls._number(text, match[name], last) for name in ("used", "group"))
        if not group or used > group:
            raise cls.refuse(text, f"takes {used} CPUs of every {group} ({region})")
        return _stride(width, used, group) << start

    @classmethod
    def _number(cls, text: str, digits: str, last: int | None) -> int:
        """One number of the list; ``N`` is the last CPU, known only on a host."""
        if digits == "N":
            if last is None:
                raise cls.refuse(
                    text, 'counts on the number of CPUs ("all", "N"), which differs between hosts'
                )
            return last
        digits = digits.lstrip("0") or "0"
        if len(digits) > 9 or int(digits) >= CPU_LIMIT:
            raise cls.refuse(text, f"names a CPU above {CPU_LIMIT - 1}")
        return int(digits)

    def runs(self) -> Iterator[tuple[int, int]]:
        """The (first, last) of each run of neighbouring CPUs, ascending."""
        for run in re.finditer("1+", bin(self.mask)[:1:-1]):
            yield run.start(), run.end() - 1

    def __str__(self) -> str:
        """The canonical list, as the kernel prints it (%*pbl): ``0-3,8``; "" for none."""
        return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in self.runs())

    def __repr__(self) -> str:
        return f"CpuSet({str(self)!r})"

    def __iter__(self) -> Iterator[int]:
        for first, last in self.runs():
            yield from range(first, last + 1)

    def __len__(self) -> int:
        return self.mask.bit_count()

    def __contains__(self, cpu: object) -> bool:
        return isinstance(cpu, int) and cpu >= 0 and bool(self.mask >> cpu & 1)

    def __and__(self, other: CpuSet) -> CpuSet:
        return self.from_mask(self.mask & other.mask)

    def __or__(self, other: CpuSet) -> CpuSet:
        return self.from_mask(self.mask | other.mask)

    def __xor__(self, other: CpuSet) -> CpuSet:
        return self.from_mask(self.mask ^ other.mask)

    def __sub__(self, other: CpuSet) -> CpuSet:
        return self.from_mask(self.mask & ~other.mask)

    def __le__(self, other: CpuSet) -> bool:
        return not self.mask & ~other.mask

    def __lt__(self, other: CpuSet) -> bool:
        return self.mask != other.mask and self <= other

    def __ge__(self, other: CpuSet) -> bool:
        return other <= self

    def __gt__(self, other: CpuSet) -> bool:
        return other < self

    def isdisjoint(self, other: CpuSet) -> bool:
        """Whether no CPU is in both."""
        return not self.mask & other.mask


class NodeSet(CpuSet):
    """NUMA nodes, in the same grammar (libvirt's nodeset, mm/numa_memory_policy.rst)."""

    __slots__ = ()

    EXPECTED: ClassVar = 'a list of NUMA nodes, such as "0" or "0-1"'
    EXAMPLES: ClassVar = ("0", "0-1")


def _stride(width: int, used: int, group: int) -> int:
    """``width`` bits: the first ``used`` set out of every ``group``; doubled, so never slow."""
    mask, span = (1 << min(used, width)) - 1, group
    while span < width:
        mask |= mask << span
        span *= 2
    return mask & ((1 << width) - 1)
