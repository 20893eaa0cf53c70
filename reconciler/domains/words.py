"""A property of a domain as a person reads it; the record and the JSON keep its key and value."""

from __future__ import annotations

from collections.abc import Sequence

from backends.formats.domain_xml.edit import split

_PINNED = {"vcpupin": "vCPU", "iothreadpin": "iothread"}


def told(key: str, value: str) -> str:
    """``vcpupin: vCPUs 0-1 on CPUs 8 40``: what it is, and how it is in the domain."""
    family, item = split(key)
    if family == "card":
        return f"one card in the guest: {meant(key, value)}"
    return f"{family} {item}: {value}" if item else f"{key}: {meant(key, value)}"


def meant(key: str, value: str) -> str:
    """The value alone."""
    family, _ = split(key)
    if family in _PINNED:
        return _pins(_PINNED[family], _pairs(value))
    if family == "emulatorpin":
        return f"CPUs {value}"
    if family == "card":
        return ", ".join(f"{address} as function {number}" for address, number in _pairs(value))
    return value


def _pairs(value: str) -> list[tuple[str, str]]:
    """``0=8 1=40`` as pairs."""
    return [(name, after) for name, _, after in (word.rpartition("=") for word in value.split())]


def _pins(what: str, pins: Sequence[tuple[str, str]]) -> str:
    """In the order of the spec's list where no number is left out."""
    numbers = [number for number, _ in pins]
    places = [cpus for _, cpus in pins]
    first = int(numbers[0]) if pins and numbers[0].isdigit() else 0
    if len(pins) < 2 or numbers != [str(first + n) for n in range(len(pins))]:
        return ", ".join(f"{what} {number} on CPU {cpus}" for number, cpus in pins)
    where = f"CPUs {places[0]} each" if len(set(places)) == 1 else f"CPUs {' '.join(places)}"
    return f"{what}s {numbers[0]}-{numbers[-1]} on {where}"
