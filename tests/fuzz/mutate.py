"""Inputs from good ones by chance: bits, bytes, pieces of others, what formats are made of."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

_WORDS = (
    *(b"\0", b"\n", b"\r\n", b"\\\n", b"\xff\xfe", b"\x1b[2J", "é漢\u2028".encode(), b" ", b"\t"),
    *(b"'", b'"', b"\\", b"$", b"${", b"$(", b"`", b"{", b"}", b"[", b"]", b"(", b")", b"<", b">"),
    *(
        b"#",
        b"=",
        b"==",
        b"+=",
        b";",
        b";;",
        b"&",
        b"|",
        b"*",
        b"%",
        b"-",
        b"--",
        b"/",
        b"..",
        b",",
    ),
    *(b"0", b"-1", b"1e999", b"18446744073709551616", b"9" * 4400, b"0x", b"NaN", b"null"),
    *(b"[" * 2000, b'{"a":' * 2000, b"<a>" * 300, b"$(" * 300, b"{" * 2000, b"&lt;", b"<!--"),
)


def inputs(seeds: Sequence[bytes], chance: random.Random) -> Iterator[bytes]:
    """For ever what chance makes of the seeds."""
    while True:
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 4)):
            _change(data, seeds, chance)
        yield bytes(data)


def _change(data: bytearray, seeds: Sequence[bytes], chance: random.Random) -> None:
    start = chance.randint(0, len(data))
    end = min(len(data), start + chance.choice((0, 1, 1, 2, 8, 64)))
    kind = chance.randrange(5)
    if kind == 0:
        data[start:end] = chance.choice(_WORDS)
    elif kind == 1:
        del data[start:end]
    elif kind == 2:
        data[start:end] = data[start:end] * chance.choice((2, 3, 50))
    elif kind == 3 and start < len(data):
        data[start] = chance.randrange(256)
    else:
        other = chance.choice(seeds)
        place = chance.randint(0, len(other))
        data[start:end] = other[place : place + chance.choice((1, 8, 64))]
