"""Proxmox VE: kernels and entries are copied to ESPs that are not mounted.

With systemd-boot the line is the first of /etc/kernel/cmdline, with GRUB it is as on Debian; in
both cases ``proxmox-boot-tool refresh`` takes it to every ESP. Sources: proxmox-kernel-helper
(proxmox-boot-tool, zz-proxmox-boot), Proxmox VE Administration Guide "Host Bootloader"; read, not
run.
"""

from __future__ import annotations

from backends.bootloader.bls_edit import CMDLINE, Dialect
from backends.bootloader.by_tool import LineTool, Tool, entries_on_esp
from backends.bootloader.detect import with_problems
from backends.bootloader.grub_family import UPSTREAM
from backends.bootloader.grub_generated import GrubMkconfig
from backends.bootloader.state import (
    BootEdit,
    BootProblem,
    BootState,
    BootWish,
    Evidence,
    Strength,
)
from backends.formats.kernel_cmdline_file import ReadBy
from backends.reader import Reader
from backends.steps import Run
from specs.record import replace

_UUIDS = "/etc/kernel/proxmox-boot-uuids"
_TOOL = Tool("proxmox-boot-tool", ("proxmox-boot-tool", "refresh"), CMDLINE)
_LINE = LineTool(_TOOL, Dialect(grub=False, reads=ReadBy.FIRST_LINE))
_GRUB = GrubMkconfig(UPSTREAM)
_MODE = "mode"


class ProxmoxBootTool:
    """The backend."""

    name = _TOOL.name

    def detect(self, reader: Reader) -> Evidence | None:
        """The list of ESPs that it keeps."""
        if not (reader.exists(_UUIDS) and _TOOL.installed(reader)):
            return None
        serves = _GRUB.name if _by_grub(reader) else "systemd-boot"
        return Evidence(Strength.OWNS, (f"{_UUIDS} exists", f"it serves {serves}"), serves)

    def read(self, reader: Reader, evidence: tuple[str, ...]) -> BootState:
        """By what started the kernel that runs: GRUB leaves BOOT_IMAGE= on its line."""
        if _by_grub(reader):
            state = _GRUB.read(reader, evidence)
            return replace(state, loader=self.name).with_facts((_MODE, "grub"))
        entries, folder = entries_on_esp(reader, lambda name: name.startswith("proxmox-"))
        state = _LINE.read(reader, evidence, entries, folder)
        return with_problems(state, *_no_root(state))

    def edit(self, state: BootState, wish: BootWish) -> BootEdit:
        """The mode's own source, and the tool."""
        if state.fact(_MODE) != "grub":
            return _LINE.edit(state, wish)
        change = _GRUB.edit(state, wish)
        if not change.regenerate:
            return change
        refresh = Run(_TOOL.argv, _TOOL.timeout, regenerates=True)
        return replace(change, regenerate=(*change.regenerate, refresh))


BACKEND = ProxmoxBootTool()


def _by_grub(reader: Reader) -> bool:
    return "BOOT_IMAGE=" in (reader.read_text("/proc/cmdline") or "")


def _no_root(state: BootState) -> tuple[BootProblem, ...]:
    """Its hook refuses a line without root=, and leaves the ESPs as they are."""
    if state.configured is None or any(a.startswith("root=") for a in state.configured):
        return ()
    message = f"the first line of {CMDLINE} has no root=: proxmox-boot-tool refuses it"
    hint = "put the whole command line on the first line of that file"
    return (BootProblem("bootloader-unsupported", message, hint, where=CMDLINE),)
