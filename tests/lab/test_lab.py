"""The lab keeps its promises: guests boot, reboot, survive power cuts, and have the devices."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from . import flavours, machines, observe
from .base import HERE
from .conftest import Lab
from .guest import Guest
from .machines import documented

pytestmark = pytest.mark.lab

_ARGS = "intel_iommu=on iommu=pt hugepagesz=1G hugepages=2 hugepagesz=2M hugepages=16"
BOOT_ID = "cat /proc/sys/kernel/random/boot_id"


def _first() -> str:
    return flavours.chosen()[0]


def groups(guest: Guest) -> list[set[str]]:
    """The guest's IOMMU groups, each the set of its functions."""
    by_number: dict[str, set[str]] = {}
    for path in guest.out("ls -d /sys/kernel/iommu_groups/*/devices/* || true").splitlines():
        if match := re.fullmatch(r"/sys/kernel/iommu_groups/(\d+)/devices/(\S+)", path):
            by_number.setdefault(match[1], set()).add(match[2])
    return list(by_number.values())


@pytest.fixture(scope="module")
def intel(lab: Lab) -> Iterator[Guest]:
    """The standard host with its IOMMU on and pages reserved, its kernel started directly."""
    guest = lab.boot(_first(), tool=False, append=_ARGS)
    yield guest
    lab.end(guest)


@pytest.mark.long
@pytest.mark.xdist_group("machines")
def test_a_guest_reboots_and_survives_a_power_cut(lab: Lab) -> None:
    guest = lab.boot(_first())
    assert guest.state == "running"
    assert guest.out("reconcile --version").strip()
    booted = [guest.out(BOOT_ID)]
    guest.reboot()
    booted.append(guest.out(BOOT_ID))
    guest.out("echo before >/root/kept && sync /root/kept")
    job = guest.submit("while :; do date >>/root/busy; done")
    guest.power_cut()
    booted.append(guest.out(BOOT_ID))
    assert len(set(booted)) == 3
    assert guest.read("/root/kept") == b"before\n"
    assert job.result() is None
    assert guest.out("reconcile --version").strip()
    lab.end(guest)


@pytest.mark.xdist_group("machines")
class TestIntel:
    """What the standard host has."""

    def test_functions_of_a_card_share_a_group(self, intel: Guest) -> None:
        assert set(machines.CARD) in groups(intel)

    def test_single_functions_have_groups_of_their_own(self, intel: Guest) -> None:
        alone = groups(intel)
        for address in (machines.NIC, machines.NIC_TWIN, machines.NVME_SRIOV, machines.XHCI):
            assert {address} in alone

    def test_devices_behind_a_bridge_cannot_be_split(self, intel: Guest) -> None:
        (shared,) = [g for g in groups(intel) if machines.BRIDGE_NICS[0] in g]
        assert machines.BRIDGE_NICS[1] in shared

    def test_virtual_functions_get_groups_of_their_own(self, intel: Guest) -> None:
        device = f"/sys/bus/pci/devices/{machines.NVME_SRIOV}"
        assert intel.out(f"cat {device}/sriov_totalvfs").strip() == "4"
        intel.out(f"echo 0 >{device}/sriov_drivers_autoprobe && echo 2 >{device}/sriov_numvfs")
        assert {"0000:06:00.1"} in groups(intel)
        assert {"0000:06:00.2"} in groups(intel)
        intel.out(f"echo 0 >{device}/sriov_numvfs")

    def test_pages_of_1g_and_2m_are_reserved_at_boot(self, intel: Guest) -> None:
        counts = intel.out("cat /sys/kernel/mm/hugepages/hugepages-{1048576,2048}kB/nr_hugepages")
        assert counts.split() == ["2", "16"]

    def test_two_nodes_with_pairs_of_threads(self, intel: Guest) -> None:
        assert intel.out("cat /sys/devices/system/node/online").strip() == "0-1"
        assert intel.out("cat /sys/devices/system/node/node1/cpulist").strip() == "4-7"
        siblings = "/sys/devices/system/cpu/cpu2/topology/thread_siblings_list"
        assert intel.out(f"cat {siblings}").strip() == "2-3"

    def test_a_nic_belongs_to_the_second_node(self, intel: Guest) -> None:
        node = intel.out(f"cat /sys/bus/pci/devices/{machines.NIC_NODE1}/numa_node")
        assert node.strip() == "1"

    def test_files_and_exit_statuses_come_through(self, intel: Guest) -> None:
        intel.write("/root/a folder/it's", "zwei Zeilen\nÄ\n")
        assert intel.read("/root/a folder/it's") == "zwei Zeilen\nÄ\n".encode()
        intel.put(HERE / "inside", "/root/scripts")
        assert intel.out("cat /root/scripts/agent.sh") == (HERE / "inside/agent.sh").read_text()
        assert intel.run("echo out; echo err >&2; exit 3").rc == 3


@pytest.mark.xdist_group("machines")
def test_amd_host_has_groups_and_kvm(lab: Lab) -> None:
    guest = lab.boot(_first(), "amd", tool=False)
    assert documented().items() <= observe.functions(guest).items()
    assert set(machines.CARD) in groups(guest)
    assert guest.run("test -c /dev/kvm").rc == 0
    lab.end(guest)


@pytest.mark.xdist_group("machines")
def test_host_without_iommu_has_no_group_and_no_table(lab: Lab) -> None:
    guest = lab.boot(_first(), "noiommu", tool=False, append="intel_iommu=on")
    assert documented().items() <= observe.functions(guest).items()
    assert groups(guest) == []
    tables = guest.out("ls /sys/firmware/acpi/tables").split()
    assert not {"DMAR", "IVRS"} & set(tables)
    lab.end(guest)
