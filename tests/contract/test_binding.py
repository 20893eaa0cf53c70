"""How a kernel binds PCI functions: what the product's steps rely on."""

from __future__ import annotations

import errno
from collections.abc import Iterator

import pytest

from backends.pci import PciFunction
from specs.values import PciAddress
from tests.contract.machine import Case

BUS = "/sys/bus/pci"


def override(bdf: str) -> str:
    """The attribute that names the only driver."""
    return f"{BUS}/devices/{bdf}/driver_override"


@pytest.fixture(autouse=True)
def given_back(case: Case) -> Iterator[None]:
    """Every function has its own driver before and after a test."""
    case.machine.modprobe("vfio-pci")
    yield
    for bdf in (case.nic, case.twin):
        if case.machine.exists(f"{BUS}/devices/{bdf}/driver"):
            case.machine.write(f"{BUS}/devices/{bdf}/driver/unbind", bdf)
        case.machine.write(override(bdf), "\n")
        case.machine.write(f"{BUS}/drivers_probe", bdf)
        assert case.machine.driver(bdf) == case.host_driver


def move(case: Case, bdf: str, driver: str) -> None:
    """Override, unbind, probe: the order that libvirt uses too."""
    case.machine.write(override(bdf), driver)
    case.machine.write(f"{BUS}/devices/{bdf}/driver/unbind", bdf)
    case.machine.write(f"{BUS}/drivers_probe", bdf)


def test_override_reads_null_and_is_cleared_by_a_newline_only(case: Case) -> None:
    assert case.machine.read(override(case.nic)) == "(null)\n"
    case.machine.write(override(case.nic), "vfio-pci")
    assert case.machine.read(override(case.nic)) == "vfio-pci\n"
    case.machine.write(override(case.nic), "")
    assert case.machine.read(override(case.nic)) == "vfio-pci\n"
    case.machine.write(override(case.nic), "\n")
    assert case.machine.read(override(case.nic)) == "(null)\n"


def test_override_alone_moves_nothing(case: Case) -> None:
    case.machine.write(override(case.nic), "vfio-pci")
    assert case.machine.driver(case.nic) == case.host_driver
    case.machine.write(f"{BUS}/drivers_probe", case.nic)
    assert case.machine.driver(case.nic) == case.host_driver


def test_bound_by_address_the_twin_stays(case: Case) -> None:
    move(case, case.nic, "vfio-pci")
    assert case.machine.driver(case.nic) == "vfio-pci"
    assert case.machine.driver(case.twin) == case.host_driver


def test_probe_succeeds_and_binds_nothing_for_a_driver_that_is_not_there(case: Case) -> None:
    move(case, case.nic, "no-such-driver")
    assert case.machine.driver(case.nic) is None


def test_errors(case: Case) -> None:
    wrong = (
        (f"{BUS}/drivers/vfio-pci/unbind", case.nic, errno.ENODEV),
        (f"{BUS}/drivers/vfio-pci/bind", case.twin, errno.ENODEV),
        (f"{BUS}/drivers_probe", "0000:ff:1f.7", errno.ENODEV),
    )
    for path, value, number in wrong:
        with pytest.raises(OSError, match=r".") as caught:
            case.machine.write(path, value)
        assert caught.value.errno == number, path


def test_a_bridge_is_refused_by_vfio(case: Case) -> None:
    before = case.machine.driver(case.bridge)
    case.machine.write(override(case.bridge), "vfio-pci")
    try:
        assert before == "pcieport"
        assert case.machine.driver(case.bridge) == before
    finally:
        case.machine.write(override(case.bridge), "\n")


def test_the_functions_type_reads_what_was_done(case: Case) -> None:
    move(case, case.nic, "vfio-pci")
    address = PciAddress.parse(case.nic)
    base = f"{BUS}/devices/{case.nic}"
    function = PciFunction(
        address=address,
        path=base,
        class_code=(case.machine.read(f"{base}/class") or "").strip(),
        vendor=(case.machine.read(f"{base}/vendor") or "").strip().removeprefix("0x"),
        device=(case.machine.read(f"{base}/device") or "").strip().removeprefix("0x"),
    )
    assert (function.id, function.short_class) == ("8086:10d3", "0200")
