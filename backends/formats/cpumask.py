"""CPU masks in hexadecimal, as procfs and older sysfs files print them (``%*pb``)."""

from __future__ import annotations

from collections.abc import Iterable


def parse_mask(text: str) -> frozenset[int]:
    """The bits of ``00000000,0000000f``: 32-bit words, highest first (lib/bitmap-str.c).

    Raises ValueError when a word is not hexadecimal or does not fit 32 bits.
    """
    bits: set[int] = set()
    words = text.split(",")
    for offset, word in zip(range(32 * (len(words) - 1), -1, -32), words, strict=True):
        value = _word(word)
        bits.update(offset + bit for bit in range(32) if value >> bit & 1)
    return frozenset(bits)


def _word(text: str) -> int:
    digits = text.strip(" \t\n\0")
    if not digits or len(digits) > 8 or not all(c in "0123456789abcdefABCDEF" for c in digits):
        raise ValueError(f"not a CPU mask: {text!r}")
    return int(digits, 16)


def print_mask(bits: Iterable[int]) -> str:
    """The canonical mask of a set of bits, as the kernel takes it back."""
    words: dict[int, int] = {0: 0}
    for bit in bits:
        words[bit // 32] = words.get(bit // 32, 0) | 1 << bit % 32
    return ",".join(f"{words.get(index, 0):08x}" for index in range(max(words), -1, -1))
