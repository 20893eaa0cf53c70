"""/proc/bus/input/devices: which input devices are keyboards (drivers/input/input.c)."""

from __future__ import annotations

from specs.record import Record


class Keyboard(Record):
    """A full keyboard. ``path`` is its place under /sys, as the kernel prints it (no /sys)."""

    name: str
    path: str


def parse_keyboards(text: str) -> tuple[Keyboard, ...]:
    """The devices that have every key from ESC to D, as systemd's udev-builtin-input_id asks."""
    blocks = (_fields(block) for block in text.split("\n\n"))
    return tuple(
        Keyboard(b.get("N", "").removeprefix("Name=").strip('"'), b["S"].removeprefix("Sysfs="))
        for b in blocks
        if "S" in b and _is_keyboard(b.get("B KEY", ""))
    )


def _fields(block: str) -> dict[str, str]:
    out = {}
    for line in block.splitlines():
        kind, _, rest = line.partition(": ")
        if kind == "B":
            name, _, value = rest.partition("=")
            out[f"B {name}"] = value
        else:
            out[kind] = rest.strip()
    return out


def _is_keyboard(bitmap: str) -> bool:
    words = bitmap.split()
    try:
        # Words of the bitmap are printed highest first; keys 1 to 31 are in the last one.
        return bool(words) and int(words[-1], 16) & 0xFFFFFFFE == 0xFFFFFFFE
    except ValueError:
        return False
