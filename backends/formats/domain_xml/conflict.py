"""What a conflict is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Conflict:
    """``fatal``: the definition cannot be made; else the guest may not start, or not as wanted."""

    code: str
    message: str
    hint: str
    fatal: bool = True
