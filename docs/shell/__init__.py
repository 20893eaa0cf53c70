"""The man page and shell completion, made from the command line's own description.

``python -m docs.shell`` writes them here; a test compares them with what it would write.
"""

from __future__ import annotations

from reconciler.options import MODES, OPTIONS

MADE = "# Completion of reconcile(8). Made by: python -m docs.shell"
DEVICES = "/sys/bus/pci/devices"
CONNECTIONS = ("qemu:///system", "qemu:///session", "none")


def takers(value: str) -> list[str]:
    """The modes and options behind which a ``FILE``, ``DIR`` ... stands."""
    modes = [f"--{mode.name}" for mode in MODES if mode.takes == value]
    return modes + [flag for option in OPTIONS if option.value == value for flag in option.flags]
