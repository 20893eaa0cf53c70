"""openSUSE's sdbootutil: kernels and entries on the ESP, for GRUB with entries or systemd-boot.

Entries come from /etc/kernel/cmdline, with the root's own words for each snapshot added. Sources:
openSUSE/sdbootutil (update-all-entries), perl-bootloader (LOADER_TYPE); read, not run.
"""

from __future__ import annotations

from backends.bootloader.bls_edit import Dialect
from backends.bootloader.by_tool import GRUB, LineTool, Tool, entries_on_esp
from backends.bootloader.state import BootEdit, BootState, BootWish, Evidence, Strength
from backends.bootloader.unsupported import loader_type
from backends.bootloader.wishes import through_blscfg
from backends.reader import Reader
from specs.record import replace

_TOOL = Tool("sdbootutil", ("sdbootutil", "update-all-entries"), "/etc/kernel/cmdline")
# It adds these itself, by snapshot.
_GENERATED = ("initrd=", "rootflags=subvol", "systemd.machine_id=", "$")
_SERVES = {"grub2-bls": "grub2", "systemd-boot": "systemd-boot"}


class Sdbootutil:
    """The backend."""

    name = _TOOL.name

    def detect(self, reader: Reader) -> Evidence | None:
        """The program, and a LOADER_TYPE that it serves."""
        kind, program = loader_type(reader), _TOOL.installed(reader)
        if kind not in _SERVES or program is None:
            return None
        said = f"LOADER_TYPE={kind} in /etc/sysconfig/bootloader"
        return Evidence(Strength.OWNS, (f"{program} exists", said), serves=_SERVES[kind])

    def read(self, reader: Reader, evidence: tuple[str, ...]) -> BootState:
        """The line, and all entries on the ESP: they are all the tool's."""
        grub = loader_type(reader) == "grub2-bls"
        entries, folder = entries_on_esp(reader, lambda name: True, grub=grub)
        tool = LineTool(_TOOL, _dialect(grub=grub))
        state = tool.read(reader, evidence, entries, folder)
        return state.with_facts((GRUB, "yes")) if grub else state

    def edit(self, state: BootState, wish: BootWish) -> BootEdit:
        """In the words that the loader reads."""
        grub = bool(state.fact(GRUB))
        change = LineTool(_TOOL, _dialect(grub=grub)).edit(state, wish)
        refused = through_blscfg(change.added) if grub else ()
        return replace(change, problems=(*change.problems, *refused))


BACKEND = Sdbootutil()


def _dialect(*, grub: bool) -> Dialect:
    return Dialect(grub=grub, generated=_GENERATED)
