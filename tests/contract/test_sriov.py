"""How a kernel makes and removes virtual functions: what the product's steps rely on."""

from __future__ import annotations

import errno
from collections.abc import Iterator

import pytest

from tests.contract.machine import Case

DEVICES = "/sys/bus/pci/devices"


@pytest.fixture(autouse=True)
def no_vfs(case: Case) -> Iterator[None]:
    """No VFs before and after a test, and drivers take them as usual."""
    yield
    case.machine.write(f"{DEVICES}/{case.pf}/sriov_numvfs", "0")
    case.machine.write(f"{DEVICES}/{case.pf}/sriov_drivers_autoprobe", "1")


def number(case: Case, name: str) -> int:
    """A number of the PF."""
    return int((case.machine.read(f"{DEVICES}/{case.pf}/{name}") or "").strip())


def vf(case: Case, index: int) -> str:
    """The address that offset and stride give to a VF."""
    base = int(case.pf.rsplit(".", 1)[1])
    function = base + number(case, "sriov_offset") + index * number(case, "sriov_stride")
    assert function < 8, "these tests use a PF whose VFs share its slot"
    return f"{case.pf.rsplit('.', 1)[0]}.{function}"


def set_count(case: Case, count: str) -> None:
    """Ask for VFs."""
    case.machine.write(f"{DEVICES}/{case.pf}/sriov_numvfs", count)


def test_vfs_come_and_go(case: Case) -> None:
    set_count(case, "2")
    assert number(case, "sriov_numvfs") == 2
    for index in range(2):
        assert case.machine.exists(f"{DEVICES}/{case.pf}/virtfn{index}")
        assert case.machine.exists(f"{DEVICES}/{vf(case, index)}/physfn")
    assert not case.machine.exists(f"{DEVICES}/{case.pf}/virtfn2")
    set_count(case, "0")
    assert not case.machine.exists(f"{DEVICES}/{vf(case, 0)}")


def test_a_count_changes_only_through_zero(case: Case) -> None:
    set_count(case, "2")
    set_count(case, "2")
    with pytest.raises(OSError, match=r".") as caught:
        set_count(case, "3")
    assert caught.value.errno == errno.EBUSY
    set_count(case, "0")
    set_count(case, "3")
    assert number(case, "sriov_numvfs") == 3


@pytest.mark.parametrize(("count", "expected"), [("5", errno.ERANGE), ("x", errno.EINVAL)])
def test_wrong_counts(case: Case, count: str, expected: int) -> None:
    with pytest.raises(OSError, match=r".") as caught:
        set_count(case, count)
    assert caught.value.errno == expected


def test_without_autoprobe_vfs_stay_free_and_an_override_takes_them(case: Case) -> None:
    case.machine.modprobe("vfio-pci")
    case.machine.write(f"{DEVICES}/{case.pf}/sriov_drivers_autoprobe", "0")
    set_count(case, "2")
    first = vf(case, 0)
    assert case.machine.driver(first) is None
    case.machine.write(f"{DEVICES}/{first}/driver_override", "vfio-pci")
    case.machine.write("/sys/bus/pci/drivers_probe", first)
    assert case.machine.driver(first) == "vfio-pci"
    assert case.machine.driver(vf(case, 1)) is None


def test_with_autoprobe_the_host_driver_takes_them(case: Case) -> None:
    set_count(case, "1")
    assert case.machine.driver(vf(case, 0)) in case.vf_drivers


def test_vfs_have_groups_of_their_own(case: Case) -> None:
    set_count(case, "2")
    groups = {case.machine.read(f"{DEVICES}/{vf(case, n)}/iommu_group/type") for n in range(2)}
    assert None not in groups
    assert case.machine.exists(f"{DEVICES}/{vf(case, 0)}/iommu_group/devices/{vf(case, 0)}")
    assert not case.machine.exists(f"{DEVICES}/{vf(case, 0)}/iommu_group/devices/{vf(case, 1)}")


def test_a_pf_without_driver_makes_none(case: Case) -> None:
    case.machine.write(f"{DEVICES}/{case.pf}/driver/unbind", case.pf)
    try:
        with pytest.raises(OSError, match=r".") as caught:
            set_count(case, "1")
        assert caught.value.errno == errno.ENOENT
    finally:
        case.machine.write("/sys/bus/pci/drivers_probe", case.pf)
