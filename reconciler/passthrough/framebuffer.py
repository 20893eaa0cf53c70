"""The firmware's framebuffer on a card that goes to a VM.

Source: drivers/vfio/pci/vfio_pci_core.c calls aperture_remove_conflicting_pci_devices since Linux
6.0; before, efifb and simpledrm kept a part of the card's memory ("BAR 0: can't reserve").
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from backends.needs.console import Seat
from reconciler.model import Finding, warn
from reconciler.passthrough.select import Selection

_REMOVED_BY_VFIO = (6, 0)


def findings(selection: Selection, seat: Seat, kernel: str) -> Iterator[Finding]:
    """``boot-framebuffer`` for the firmware's display on kernels that leave it its memory."""
    owners = [f for f in seat.framebuffers if f.firmware]
    if not owners or _version(kernel) >= _REMOVED_BY_VFIO:
        return
    for function in selection.functions:
        if function.boot_vga:
            named = ", ".join(f"{f.name} ({f.driver})" for f in owners)
            text = f"{function.address} is the boot display, and {named} may keep its memory"
            hint = 'boot.kernel_args = ["video=efifb:off"], or initcall_blacklist=sysfb_init'
            yield warn("boot-framebuffer", selection.where, text, hint)


def _version(kernel: str) -> tuple[int, int]:
    match = re.match(r"(\d+)\.(\d+)", kernel)
    return (int(match[1]), int(match[2])) if match else (0, 0)
