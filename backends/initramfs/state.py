"""What is observed of an initramfs generator; the same shape for all of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OwnFile:
    """A whole file of ours."""

    path: str
    text: str
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class InitramfsState:
    """``images`` are the paths of the images that boot; ``blocked`` says why they cannot be made
    again here (empty: they can)."""

    generator: str
    evidence: tuple[str, ...]
    images: tuple[str, ...] = ()
    blocked: str = ""
