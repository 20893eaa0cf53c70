"""TuneD, which may own the same kernel arguments and affinities (tuned(8))."""

from __future__ import annotations

from backends.formats.systemd_conf import environment
from backends.reader import Reader
from specs.record import Record


class TunedState(Record):
    """``profile`` is the active one ("" for none). ``cmdline`` are the kernel arguments that it
    has put on every boot entry, "" where its profile sets none."""

    profile: str
    cmdline: str


def observe_tuned(reader: Reader) -> TunedState:
    """Read /etc/tuned: the profile that the daemon starts with, and what it does to the boot."""
    variables = environment(reader.read_text("/etc/tuned/bootcmdline") or "")
    return TunedState(
        profile=(reader.read_text("/etc/tuned/active_profile") or "").strip(),
        cmdline=variables.get("TUNED_BOOT_CMDLINE", "").strip(),
    )
