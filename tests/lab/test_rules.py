"""The udev rule against a driver that is there first, read by a distribution's udev and kernel."""

from __future__ import annotations

import pytest

from backends.formats.udev_rule import driver_override_rule
from backends.pci import PciFunction
from specs.values import PciAddress

from . import flavours, observe
from .conftest import Lab
from .machines import XHCI

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("machines")]

RULE = "/run/udev/rules.d/10-reconcile-vfio.rules"


def test_a_rule_takes_a_function_from_a_driver_that_was_first(lab: Lab) -> None:
    """In the initramfs only: an "add" event on a running host leaves the driver where it is."""
    host = lab.boot(
        flavours.chosen()[0], tool=False, append="intel_iommu=on iommu=pt no_timer_check"
    )
    assert observe.driver(host, XHCI) == "xhci_hcd"
    address = PciAddress.parse(XHCI)
    function = PciFunction(address, "", "0x0c0330", vendor="1b36", device="000d")
    host.write(RULE, driver_override_rule(function, "vfio-pci", taken_from="xhci_hcd"))
    trigger = f"udevadm trigger --settle --action=add /sys/bus/pci/devices/{XHCI}"
    add = f"udevadm control --reload && {trigger}"
    host.out(add)
    assert observe.driver(host, XHCI) == "xhci_hcd"
    host.out("touch /etc/initrd-release")
    host.out(add)
    assert observe.driver(host, XHCI) == "vfio-pci"
    host.out(add)
    assert observe.driver(host, XHCI) == "vfio-pci"
    lab.end(host)
