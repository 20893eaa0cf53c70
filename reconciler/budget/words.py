"""Numbers as people read them, and kernel versions."""

from __future__ import annotations

import re
from collections.abc import Iterable

from specs.values import CpuSet, MemorySize


def size(kib: int) -> str:
    """``16G``, ``7.5G``, ``512M``: exact where that is short, else one decimal."""
    exact = str(MemorySize.from_kib(kib)) if kib > 0 else "0"
    if len(exact) <= 5:
        return exact
    value, unit = float(kib), "K"
    for unit in ("K", "M", "G", "T"):
        if value < 1024 or unit == "T":
            break
        value /= 1024
    return f"{value:.1f}".removesuffix(".0") + unit


def count(number: int, noun: str) -> str:
    """``1 core``, ``2 cores``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def cpus(found: CpuSet) -> str:
    """``CPU 3`` or ``CPUs 2-7``."""
    return f"CPU{'s' if len(found) > 1 else ''} {found}"


def are(found: CpuSet) -> str:
    """``CPU 3 is`` or ``CPUs 2-7 are``."""
    return f"{cpus(found)} {'are' if len(found) > 1 else 'is'}"


def listed(numbers: Iterable[int]) -> str:
    """``0, 1``."""
    return ", ".join(map(str, numbers))


def version(release: str) -> tuple[int, int]:
    """Major and minor of a kernel release such as ``6.1.0-18-amd64``; (0, 0) if it has none."""
    match = re.match(r"(\d+)\.(\d+)", release)
    return (int(match.group(1)), int(match.group(2))) if match else (0, 0)


def older(release: str, major: int, minor: int) -> bool:
    """Whether a known kernel release is before major.minor; an unknown one is not."""
    return (0, 0) < version(release) < (major, minor)
