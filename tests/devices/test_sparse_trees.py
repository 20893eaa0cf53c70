"""Copies of a host's files that hold less than a host does, or hold it in another shape."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.model import Severity
from tests.devices.planning import codes, device, plan, plan_on, refusals, state_of
from tests.simulator.hosts import debian
from tests.simulator.tree import TreeBuilder

DISK, SPARE, NIC, GPU = "0000:02:00.0", "0000:04:00.0", "0000:03:00.0", "0000:01:00.0"
HOME = "/sys/bus/pci/devices"
BLOCKS = f"{HOME}/{DISK}/nvme/nvme0/nvme0n1"
MOUNTED = "22 1 0:5 / / rw - tmpfs tmpfs rw\n"
NO_ROUTE = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
ROUTE = NO_ROUTE + "eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\n"


class Copy(TreeBuilder):
    """A tree that says no more than what it is told: no table that a test did not write."""

    def finish(self) -> None:
        """Nothing is added."""

    def absolute(self, path: str, target: str) -> None:
        """A symlink to an absolute path."""
        full = self.root / path.lstrip("/")
        full.parent.mkdir(parents=True, exist_ok=True)
        full.symlink_to(target)

    def bare(self, bdf: str, class_code: str, ids: str, driver: str, group: int) -> str:
        """A function as a folder, with nothing but ids, class, driver and group."""
        vendor, model = ids.split(":")
        base = f"{HOME}/{bdf}"
        for name, value in (("class", class_code), ("vendor", vendor), ("device", model)):
            self.write(f"{base}/{name}", f"0x{value}\n")
        self.mkdir(f"/sys/bus/pci/drivers/{driver}")
        self.absolute(f"{base}/driver", f"/sys/bus/pci/drivers/{driver}")
        self.mkdir(f"/sys/kernel/iommu_groups/{group}/devices")
        self.absolute(f"{base}/iommu_group", f"/sys/kernel/iommu_groups/{group}")
        self.absolute(f"/sys/kernel/iommu_groups/{group}/devices/{bdf}", base)
        return base


@pytest.fixture
def copy(memory_path: Path) -> Copy:
    """Four functions and a boot loader; no mounts, no routes, no machine-id, no names."""
    tree = Copy(memory_path)
    debian(tree, "box", "", "quiet")
    for name in ("etc/machine-id", "usr/share/misc/pci.ids", "proc/sys/kernel/osrelease"):
        (tree.root / name).unlink()
    tree.bare(GPU, "030000", "10de:2489", "nouveau", 1)
    tree.bare(DISK, "010802", "144d:a808", "nvme", 2)
    tree.bare(NIC, "020000", "8086:1521", "igb", 3)
    tree.bare(SPARE, "010802", "144d:a809", "nvme", 4)
    return tree


def says(copy: Copy, address: str) -> dict[str, list[str]]:
    """Codes of the plan that gives one function away."""
    found = plan(copy, device=[device(address=address)])
    pairs = (("refuse", Severity.REFUSE), ("warn", Severity.WARN))
    return {name: codes(found, s) for name, s in pairs if codes(found, s)}


# --- no mount table ----------------------------------------------------------------------------


def test_nothing_known_of_mounts_and_routes_is_said_where_it_matters(copy: Copy) -> None:
    assert says(copy, GPU) == {}
    assert says(copy, SPARE) == {"warn": ["use-unknown"]}
    assert says(copy, NIC) == {"warn": ["use-unknown"]}
    (finding,) = plan(copy, device=[device(address=NIC)]).findings
    assert finding.message == (
        f"whether {NIC} carries a default route cannot be told here: there is no /proc/net/route, "
        "and ip(8) was not asked"
    )


def test_a_disk_that_may_be_mounted_stays(copy: Copy) -> None:
    copy.mkdir(BLOCKS)
    copy.absolute("/sys/block/nvme0n1", BLOCKS)
    assert says(copy, DISK) == {"refuse": ["device-in-use"]}
    assert says(copy, SPARE) == {"warn": ["use-unknown"]}


@pytest.mark.parametrize("table", ["fstab", "root="])
def test_what_boots_from_a_disk_is_known_without_a_mount_table(copy: Copy, table: str) -> None:
    copy.write(f"{BLOCKS}/nvme0n1p2/partition", "2\n")
    copy.absolute("/sys/block/nvme0n1", BLOCKS)
    if table == "fstab":
        copy.write("/etc/fstab", "/dev/nvme0n1p2 / ext4 defaults 0 1\n")
    else:
        copy.write("/proc/cmdline", "root=/dev/nvme0n1p2 ro\n")
    messages = [f.message for f in refusals(plan(copy, device=[device(address=DISK)]))]
    assert any(m.startswith(f"the host needs {DISK}: /") for m in messages), messages


def test_proc_mounts_is_enough(copy: Copy) -> None:
    copy.write("/proc/mounts", "proc /proc proc rw 0 0\n/dev/nvme0n1p1 / ext4 rw 0 0\n")
    copy.write("/proc/net/route", NO_ROUTE)
    copy.mkdir(BLOCKS)
    copy.absolute("/sys/class/block/nvme0n1", BLOCKS)  # the partition itself is not recorded
    (finding,) = refusals(plan(copy, device=[device(address=DISK)]))
    assert finding.message == f"the host needs {DISK}: /"
    assert says(copy, SPARE) == {}
    assert says(copy, NIC) == {}


# --- other shapes of the same facts ------------------------------------------------------------


def linked_class(copy: Copy) -> None:
    copy.absolute("/sys/class/block/nvme0n1", BLOCKS)
    copy.absolute("/sys/class/block/nvme0n1p1", f"{BLOCKS}/nvme0n1p1")


def linked_disk_only(copy: Copy) -> None:
    copy.absolute("/sys/block/nvme0n1", BLOCKS)


def folder_with_device(copy: Copy) -> None:
    copy.mkdir("/sys/class/block/nvme0n1")
    copy.absolute("/sys/class/block/nvme0n1/device", f"{HOME}/{DISK}/nvme/nvme0")


def numbers_only(copy: Copy) -> None:
    copy.absolute("/sys/dev/block/259:1", f"{BLOCKS}/nvme0n1p1")


@pytest.mark.parametrize(
    "shape", [linked_class, linked_disk_only, folder_with_device, numbers_only]
)
def test_the_disk_of_the_root(copy: Copy, shape: Callable[[Copy], None]) -> None:
    copy.write("/proc/self/mountinfo", "22 1 259:1 / / rw - ext4 /dev/nvme0n1p1 rw\n")
    copy.write("/proc/net/route", NO_ROUTE)
    copy.write(f"{BLOCKS}/dev", "259:0\n")
    copy.write(f"{BLOCKS}/nvme0n1p1/dev", "259:1\n")
    copy.write(f"{BLOCKS}/nvme0n1p1/partition", "1\n")
    shape(copy)
    (finding,) = refusals(plan(copy, device=[device(address=DISK)]))
    assert finding.message == f"the host needs {DISK}: /"
    assert says(copy, SPARE) == {}


def test_a_disk_that_sysfs_does_not_show_refuses_what_could_be_it(copy: Copy) -> None:
    copy.write("/proc/self/mountinfo", "22 1 259:1 / / rw - ext4 /dev/nvme0n1p1 rw\n")
    copy.write("/proc/net/route", NO_ROUTE)
    assert says(copy, DISK) == says(copy, SPARE) == {"refuse": ["device-in-use"]}
    assert says(copy, GPU) == {}
    # What a VM's driver has already carries nothing of the host.
    driver = copy.root / f"{HOME}/{SPARE}/driver".lstrip("/")
    driver.unlink()
    copy.absolute(f"{HOME}/{SPARE}/driver", "/sys/bus/pci/drivers/vfio-pci")
    assert says(copy, SPARE) == {}


def linked_net(copy: Copy) -> None:
    copy.write(f"{HOME}/{NIC}/net/eth0/address", "52:54:00:00:00:01\n")
    copy.absolute("/sys/class/net/eth0", f"{HOME}/{NIC}/net/eth0")


def folder_net(copy: Copy) -> None:
    copy.write("/sys/class/net/eth0/address", "52:54:00:00:00:01\n")
    copy.absolute("/sys/class/net/eth0/device", f"{HOME}/{NIC}")


def function_only(copy: Copy) -> None:
    copy.write(f"{HOME}/{NIC}/net/eth0/address", "52:54:00:00:00:01\n")


@pytest.mark.parametrize("shape", [linked_net, folder_net, function_only])
def test_the_interface_of_the_default_route(copy: Copy, shape: Callable[[Copy], None]) -> None:
    copy.write("/proc/self/mountinfo", MOUNTED)
    copy.write("/proc/net/route", ROUTE)
    shape(copy)
    (finding,) = refusals(plan(copy, device=[device(address=NIC)]))
    assert finding.message == f"the host needs {NIC}: default route (eth0)"
    assert says(copy, SPARE) == {}


def test_an_interface_without_any_hardware_refuses_network_cards_only(copy: Copy) -> None:
    copy.write("/proc/self/mountinfo", MOUNTED)
    copy.write("/proc/net/route", ROUTE)
    copy.write("/sys/class/net/eth0/address", "52:54:00:00:00:01\n")
    assert says(copy, NIC) == {"refuse": ["device-in-use"]}
    assert says(copy, SPARE) == says(copy, GPU) == {}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/proc/net/bonding/eth0", "Bonding Mode: x\n\nSlave Interface: port0\nMII Status: up\n"),
        ("/proc/net/vlan/eth0", "eth0  VID: 5\n\nDevice: port0\n"),
    ],
)
def test_bonds_and_vlans_of_proc(copy: Copy, path: str, text: str) -> None:
    copy.write("/proc/self/mountinfo", MOUNTED)
    copy.write("/proc/net/route", ROUTE)
    copy.write(f"{HOME}/{NIC}/net/port0/address", "52:54:00:00:00:01\n")
    copy.absolute("/sys/class/net/port0", f"{HOME}/{NIC}/net/port0")
    copy.mkdir("/sys/class/net/eth0")
    copy.write(path, text)
    (finding,) = refusals(plan(copy, device=[device(address=NIC)]))
    assert finding.message == f"the host needs {NIC}: default route (eth0)"


def test_groups_that_only_list_their_members(copy: Copy) -> None:
    """No link in the functions, and names of members as empty files."""
    copy.bare("0000:01:00.1", "040300", "10de:228b", "snd_hda_intel", 1)
    for bdf in (GPU, "0000:01:00.1"):
        (copy.root / f"{HOME}/{bdf}/iommu_group".lstrip("/")).unlink()
        (copy.root / f"sys/kernel/iommu_groups/1/devices/{bdf}").unlink()
        copy.write(f"/sys/kernel/iommu_groups/1/devices/{bdf}", "")
    (finding,) = refusals(plan(copy, device=[device(address=GPU)]))
    assert finding.code == "group-not-viable"
    assert "0000:01:00.1 (audio, 10de:228b, driver snd_hda_intel)" in finding.message


# --- nothing but a function -------------------------------------------------------------------


def test_a_function_alone_is_read_without_guessing(memory_path: Path) -> None:
    copy = Copy(memory_path)
    base = copy.bare(GPU, "030000", "10de:2489", "nouveau", 1)
    (function,) = state_of(copy.reader()).pci
    assert (function.path, function.driver, function.iommu_group) == (base, "nouveau", 1)
    assert function.numa_node is None
    assert (function.driver_override, function.sriov, function.slot) == (None, None, None)
    found = plan_on(state_of(copy.reader()), device=[device(address=GPU, bind="vm")])
    assert codes(found) == ["bootloader-unknown"]


def test_without_an_initramfs_generator_a_device_comes_late_which_is_no_refusal(copy: Copy) -> None:
    (copy.root / "usr/sbin/update-initramfs").unlink()
    assert says(copy, GPU) == {"warn": ["initramfs-unknown"]}
    found = plan(copy, device=[device(address=GPU)])
    assert "initramfs" not in [c.kind for c in found.changes]
    assert "/etc/modprobe.d/reconcile.conf" in [c.object for c in found.changes]
    assert plan(copy).findings == ()
