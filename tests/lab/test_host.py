"""What a distribution's kernel and udev make of hosts: stacks followed down to the hardware, and a
rule against a driver that is there first."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import pytest

from backends.formats.udev_rule import driver_override_rule
from backends.pci import PciFunction
from specs.values import PciAddress

from . import flavours, observe
from .base import HERE
from .conftest import Lab
from .guest import Guest
from .machines import BRIDGE_NICS, NIC, NIC_TWIN, NVME_PLAIN, XHCI
from .tool import SPEC, Reconcile

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("machines")]

RULE = "/run/udev/rules.d/10-reconcile-vfio.rules"


@pytest.fixture(scope="module")
def host(lab: Lab) -> Iterator[Guest]:
    """A guest with its IOMMU on."""
    guest = lab.boot(flavours.chosen()[0], append="intel_iommu=on iommu=pt no_timer_check")
    yield guest
    lab.end(guest)


def test_what_stands_on_a_disk_and_on_network_cards(host: Guest) -> None:
    host.write("/root/stacks.sh", (HERE / "inside/stacks.sh").read_bytes())
    words = ["sh", "/root/stacks.sh", NVME_PLAIN, NIC, NIC_TWIN, *BRIDGE_NICS]
    assert host.out(shlex.join(words)) == ""
    reconcile = Reconcile(host)
    used = {f["address"]: set(f["used_for"]) for f in reconcile.json("--inspect")["pci"]}
    assert {"/srv/data", "swap /srv/data/swap"} <= used[NVME_PLAIN]
    for address in (NIC, NIC_TWIN):
        assert used[address] == {"default route", "address on br7"}
    for address in BRIDGE_NICS:
        assert used[address] == {"address on mac7"}
    for address, why in (
        (NVME_PLAIN, "/srv/data, swap /srv/data/swap"),
        (NIC_TWIN, "default route (br7)"),
    ):
        host.write(SPEC, f'version = 1\n[[device]]\nname = "d"\naddress = "{address}"\n')
        refused = [f for f in reconcile.json("--plan")["findings"] if f["severity"] == "refuse"]
        assert f"the host needs {address}: {why}" in [f["message"] for f in refused]


def test_a_rule_takes_a_function_from_a_driver_that_was_first(host: Guest) -> None:
    """In the initramfs only: an "add" event on a running host leaves the driver where it is."""
    assert observe.driver(host, XHCI) == "xhci_hcd"
    address = PciAddress.parse(XHCI)
    function = PciFunction(address, "", "0x0c0330", vendor="1b36", device="000d")
    rule = driver_override_rule(function, "vfio-pci", taken_from="xhci_hcd")
    host.write(RULE, rule)
    trigger = f"udevadm trigger --settle --action=add /sys/bus/pci/devices/{XHCI}"
    add = f"udevadm control --reload && {trigger}"
    host.out(add)
    assert observe.driver(host, XHCI) == "xhci_hcd"
    host.out("touch /etc/initrd-release")
    host.out(add)
    assert observe.driver(host, XHCI) == "vfio-pci"
    host.out(add)
    assert observe.driver(host, XHCI) == "vfio-pci"
    host.out(f"rm /etc/initrd-release {RULE}")
