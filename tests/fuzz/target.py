"""What is fuzzed: a parser that may answer or refuse, and inputs to begin with."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from specs.errors import ReconcileError

# Deeper nesting than Python's stack holds is refused by the parsers, or is their bug.
REFUSALS = (ReconcileError,)


@dataclass(frozen=True)
class Target:
    """``parse`` is given bytes; it may raise ReconcileError, and nothing else. ``seeds`` are good
    inputs; ``slow`` ones take milliseconds each."""

    name: str
    parse: Callable[[bytes], object]
    seeds: Sequence[bytes]
    slow: bool = False

    def try_input(self, data: bytes) -> None:
        """Raises what the parser should not have raised."""
        with contextlib.suppress(*REFUSALS):
            self.parse(data)


def text(parse: Callable[[str], object]) -> Callable[[bytes], object]:
    """A parser of text as one of bytes, decoded as files are."""
    return lambda data: parse(data.decode("utf-8", "surrogateescape"))
