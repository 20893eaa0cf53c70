"""Colours of the pages: every pair that is put together can be read (WCAG 2.1, level AA)."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from reconciler.render.html.owners import COLOURS

CSS = files("reconciler.render.html").joinpath("page.css").read_text()
TEXT, SHAPE = 4.5, 3.0  # success criteria 1.4.3 and 1.4.11
VMS = [f"vm{n}" for n in range(COLOURS)]
GROUPS = re.findall(r"\.(group\d)\{", CSS)


def colours(scheme: str) -> dict[str, str]:
    """The colours by name, of the light or the dark scheme."""
    light, dark = re.findall(r":root\{(.*?)\}", CSS, re.S)[:2]
    block = light if scheme == "light" else dark
    return dict(re.findall(r"--(\w+):(#[0-9a-f]{3,6})\b", block))


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.1, definitions)."""
    digits = colour[1:] if len(colour) == 7 else "".join(c * 2 for c in colour[1:])
    parts = [int(digits[n : n + 2], 16) / 255 for n in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(weight * p for weight, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    """From 1, the same, to 21, black on white."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def pairs() -> list[tuple[str, str, float]]:
    """Foreground, background, and the contrast that they need."""
    surfaces = ["bg", "box"]
    found = [("fg", under, TEXT) for under in (*surfaces, "host", *VMS)]
    for word in ("dim", "pass", "fail", "unknown", "mark"):
        found += [(word, under, TEXT) for under in surfaces]
    found += [(group, under, SHAPE) for group in GROUPS for under in surfaces]
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_pair_can_be_read(scheme: str) -> None:
    known = colours(scheme)
    found = {(a, b): (contrast(known[a], known[b]), needed) for a, b, needed in pairs()}
    assert {pair: ratio for pair, (ratio, needed) in found.items() if ratio < needed} == {}


def test_every_colour_is_of_both_schemes_and_comes_from_there() -> None:
    assert colours("light").keys() == colours("dark").keys()
    rest = re.sub(r":root\{.*?\}", "", CSS, flags=re.S)
    assert re.findall(r"(?<=[:\s])#[0-9a-f]{3,6}\b", rest) == []


def test_black_on_white_is_known() -> None:
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#fff") == pytest.approx(4.48, abs=0.01)  # the usual example
