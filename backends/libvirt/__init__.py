"""libvirt, through virsh: what it says of the host's domains, and defining them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backends.libvirt.observe import observe_libvirt
from backends.libvirt.state import DomainState, LibvirtState

if TYPE_CHECKING:
    from backends.libvirt.define import Virsh
    from backends.steps import DefineDomain, Step

__all__ = ["DomainState", "LibvirtState", "inverse", "observe_libvirt", "perform"]


def perform(step: DefineDomain, uri: str, virsh: Virsh) -> None:
    """See backends.libvirt.define, which most plans never need."""
    from backends.libvirt import define

    define.perform(step, uri, virsh)


def inverse(step: DefineDomain, uri: str, virsh: Virsh) -> tuple[Step, ...]:
    """See backends.libvirt.define."""
    from backends.libvirt import define

    return define.inverse(step, uri, virsh)
