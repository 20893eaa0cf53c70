"""Where a class device (of net, block) is, and which functions are above it.

On a host every entry of a class is a link into /sys/devices (Documentation/admin-guide/
sysfs-rules.rst). Copies of a host's files may have folders there, whose ``device`` link is what
says where the hardware is.
"""

from __future__ import annotations

import posixpath

from backends.needs.carriers import Carriers, carried_by
from backends.reader import Reader

_DEVICES = "/sys/devices/"


def class_device(reader: Reader, path: str) -> str:
    """The sysfs path of the device, by the text of its link: no walk through the parents."""
    target = reader.readlink(path)
    if target is None:
        return path
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), target))


def hardware(reader: Reader, path: str) -> Carriers | None:
    """The functions above a device; None where a copy does not say where its hardware is."""
    found = carried_by(path)
    if found.functions or path.startswith(_DEVICES):
        return found
    link = f"{path}/device"
    return carried_by(reader.realpath(link)) if reader.readlink(link) is not None else None
