"""Trying inputs one after the other; those that crash a parser are kept.

They are saved in tests/fuzz/crashes, and tried by the tests from then on.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterable
from itertools import takewhile
from pathlib import Path

from tests.fuzz.mutate import inputs
from tests.fuzz.target import Target

CRASHES = Path(__file__).parent / "crashes"


class Campaign:
    """``found`` are the places where a target crashed."""

    def __init__(self, target: Target, kept: Path = CRASHES) -> None:
        self.target = target
        self.kept = kept
        self.tried = 0
        self.found: set[str] = set()

    def try_all(self, data: Iterable[bytes]) -> None:
        """Try inputs to their end."""
        for one in data:
            self.try_one(one)

    def try_one(self, data: bytes) -> None:
        """Try one; the first that crashes in a place is kept."""
        self.tried += 1
        try:
            self.target.try_input(data)
        except Exception as error:  # noqa: BLE001 whatever it is: that is what is looked for
            where = _where(error)
            if where not in self.found:
                print(f"{self.target.name}: {where}: {self._keep(data)}", flush=True)
            self.found.add(where)

    def _keep(self, data: bytes) -> Path:
        self.kept.mkdir(exist_ok=True)
        path = self.kept / f"{self.target.name}.{hashlib.sha256(data).hexdigest()[:12]}"
        path.write_bytes(data)
        return path


def by_chance(target: Target, seconds: float, seed: int) -> Campaign:
    """As many inputs as there is time for."""
    end = time.monotonic() + seconds
    campaign = Campaign(target)
    drawn = inputs(target.seeds, random.Random(seed))
    campaign.try_all(takewhile(lambda _: time.monotonic() < end, drawn))
    return campaign


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "?"
    return f"{type(error).__name__} at {place}"
