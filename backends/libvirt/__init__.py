"""libvirt, through virsh: what it says of the host's domains, and defining them."""

from __future__ import annotations

from backends.libvirt.define import DomainError, inverse, perform
from backends.libvirt.observe import observe_libvirt
from backends.libvirt.state import DomainState, LibvirtState

__all__ = [
    "DomainError",
    "DomainState",
    "LibvirtState",
    "inverse",
    "observe_libvirt",
    "perform",
]
