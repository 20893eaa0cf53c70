"""Entries for one boot: a kernel command line is tried, and the boot after it is the old one.

A boot loader that can do it has a module here and a line in ``_MODULES``; for any other a trial is
refused. The default entry, and everything that entries are made from, is never touched.
"""

from __future__ import annotations

import importlib
from typing import Protocol

from backends.bootloader.grub_defaults import source_file
from backends.bootloader.state import BootState, TrialEdit, TrialState, TrialWish
from backends.bootloader.trial import units
from backends.bootloader.trial.problems import unsupported
from backends.formats.mountinfo import parse_mountinfo
from backends.formats.routes import parse_proc_ipv6_route, parse_proc_route
from backends.inverse import missing_folders
from backends.reader import Reader
from specs.record import replace

_MODULES = {
    ("grub-mkconfig", None): "grub_menu",
    ("grub2", None): "grub_menu",
    ("grub2", "bls"): "grub_bls",
    ("systemd-boot", None): "systemd_boot",
}


class Trial(Protocol):
    """How one boot loader starts an entry once."""

    def read(self, reader: Reader, state: BootState) -> TrialState:
        """What is there, and why it may be impossible."""

    def edit(self, state: BootState, wish: TrialWish) -> TrialEdit:
        """What makes the entry and chooses it for the next boot; pure."""

    def undo(self, state: BootState, wish: TrialWish) -> TrialEdit:
        """What takes entry and choice away again; pure. Nothing to do: not ``needed``."""


def backend(state: BootState) -> Trial | None:
    """The way of this boot loader, or None where it has none."""
    layout = state.fact("layout")
    name = _MODULES.get((state.loader, layout)) or _MODULES.get((state.loader, None))
    if name is None:
        return None
    found: Trial = importlib.import_module(f"{__name__}.{name}").BACKEND
    return found


def with_trial(reader: Reader, state: BootState) -> BootState:
    """The state with what is there of a trial."""
    trial = backend(state)
    if trial is None or any(p.refuse for p in state.problems):
        why = f"reconcile knows no way to start an entry just once with {state.loader}"
        return replace(state, trial=TrialState(unsupported(why)))
    found = trial.read(reader, state)
    sources = (*(source_file(reader, path) for path in units.PATHS), *found.sources)
    new = (s.path for s in sources if s.content is None)
    found = replace(
        found,
        sources=sources,
        folders=tuple((p, f) for p in new if (f := missing_folders(reader, p))),
        routed=_routed(reader),
        writable=_writable(reader),
    )
    return replace(state, trial=found)


def _routed(reader: Reader) -> bool:
    """Whether there is a way out, IPv4 or IPv6."""
    found = parse_proc_route(reader.read_text("/proc/net/route") or "")
    found += parse_proc_ipv6_route(reader.read_text("/proc/net/ipv6_route") or "")
    return any(route.is_default for route in found)


def _writable(reader: Reader) -> bool:
    """Whether the root file system takes writes: the kernel turns that off after an error."""
    mounts = parse_mountinfo(reader.read_text("/proc/self/mountinfo") or "")
    root = [m for m in mounts if m.point == "/"]
    return bool(root) and "ro" not in root[-1].options
