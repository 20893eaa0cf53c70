"""Room on the boot partition for what would be written: known before the first write.

Files of a boot loader are written aside and renamed, so old and new stand there together.
"""

from __future__ import annotations

from backends.bootloader.state import BootProblem, BootState
from backends.reader import Reader

HINT = "remove old kernels (the package manager knows them), then plan again"
FACT = "lacks room"
_SMALL_FILES = 256 << 10  # entries and temporary files, in blocks of any size


def shortage(reader: Reader, folder: str, needed: int) -> str:
    """What is missing for ``needed`` bytes (and a little more) in ``folder``; empty: nothing."""
    room, needed = reader.free_bytes(folder), needed + _SMALL_FILES
    if room is None or room >= needed:
        return ""
    return f"{folder} has {room >> 10} KiB left, {needed >> 10} KiB would be written"


def room_facts(reader: Reader, folder: str, needed: int) -> tuple[tuple[str, str], ...]:
    """A fact when ``folder`` is too full; else none, so that the free bytes themselves, which
    never stand still, are no part of the state."""
    found = shortage(reader, folder, needed)
    return ((FACT, found),) if found else ()


def lacks_room(state: BootState) -> tuple[BootProblem, ...]:
    """``esp-full`` for every folder that is too full; ask only when something is to be written."""
    return tuple(
        BootProblem("esp-full", text, HINT, where=text.partition(" ")[0])
        for name, text in state.facts
        if name == FACT
    )
