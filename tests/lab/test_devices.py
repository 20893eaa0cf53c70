"""Devices and virtual functions on a real kernel: bound now, back after a reboot, given back."""

from __future__ import annotations

import pytest

from . import flavours, observe
from .conftest import Lab
from .machines import NIC, NIC_NODE1, NIC_TWIN, NVME_SRIOV
from .tool import SPEC, Reconcile

pytestmark = [pytest.mark.lab, pytest.mark.long]

VFS = tuple(f"{NVME_SRIOV[:-1]}{n}" for n in (1, 2))
EMPTY = "version = 1\n"
WANTED = f"""version = 1
[[device]]
name = "nic"
address = "{NIC}"
id = "8086:10d3"
[[device]]
name = "twin"
address = "{NIC_TWIN}"
id = "8086:10d3"
bind = "vm"
[[sriov]]
name = "disks"
address = "{NVME_SRIOV}"
vfs = 2
"""


@pytest.mark.xdist_group("machines")
def test_bound_live_back_after_a_reboot_and_given_back(lab: Lab) -> None:
    """Three cards of one id: one is taken at boot, one when its VM starts, one is not declared."""
    guest = lab.boot(flavours.chosen()[0])  # by its own boot loader: the initramfs is the new one
    reconcile = Reconcile(guest)
    watched = (NIC, NIC_TWIN, NIC_NODE1, NVME_SRIOV)
    before = {a: observe.driver(guest, a) for a in watched}
    guest.write(SPEC, EMPTY)
    files = observe.configuration(guest)
    guest.write(SPEC, WANTED)
    reconcile.apply()
    wanted = {**before, NIC: "vfio-pci", **dict.fromkeys(VFS, "vfio-pci")}
    assert {a: observe.driver(guest, a) for a in wanted} == wanted
    assert reconcile("--plan", "--detailed-exitcode") == 4  # iommu=pt waits for the reboot
    guest.reboot()
    assert {a: observe.driver(guest, a) for a in wanted} == wanted
    assert reconcile.in_sync()
    guest.write(SPEC, EMPTY)
    reconcile.apply()
    assert {a: observe.driver(guest, a) for a in watched} == before
    assert guest.run(f"test -e /sys/bus/pci/devices/{VFS[0]}").rc != 0
    assert observe.configuration(guest) == files
    lab.end(guest)
