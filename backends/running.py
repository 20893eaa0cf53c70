"""What changes the system that runs, rather than files."""

from __future__ import annotations

import os
from collections.abc import Sequence

# Programs that change the running system rather than files: never for a tree.
_RUNNING = frozenset({"modprobe", "systemctl", "ip", "udevadm", "bootctl"})


def acts_on_running_system(argv: Sequence[str]) -> bool:
    """Whether a program changes the kernel, the service manager or the firmware that run now."""
    return os.path.basename(argv[0]) in _RUNNING


def left_out(path: str) -> bool:
    """Whether this attribute is missing only because a tree was made without it: every PCI function
    has it since Linux 3.16 (Documentation/ABI/testing/sysfs-bus-pci)."""
    return path.endswith("/driver_override")
