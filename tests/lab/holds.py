"""What the story's spec (story/host.toml) must bring, looked at with plain commands."""

from __future__ import annotations

from dataclasses import dataclass, field

from . import observe
from .flavours import named
from .guest import Guest
from .machines import CARD, HDA, NIC, NIC_NODE1, NIC_TWIN, NVME_SRIOV, XHCI
from .observe import Entry
from .tool import Reconcile

# On the kernel command line of every entry but the recovery ones.
ARGUMENTS = {
    "mitigations=auto",
    "iommu=pt",
    "nohz_full=2-3,6-7",
    "rcu_nocbs=2-3,6-7",
    "irqaffinity=0-1,4-5",
}
PASSED_THROUGH = (NIC, *CARD, XHCI)
VIRTUAL = ("0000:06:00.1", "0000:06:00.2")
ISOLATED, RESERVED = "2-3,6-7", "0-1,4-5"
# (NUMA node, KiB) to pages.
PAGES = {(0, 2048): 160, (1, 1048576): 1}
VM = "story"
PINS = {"vcpu0": "2", "vcpu1": "3", "emulator": "0-1"}


@dataclass(slots=True)
class Host:
    """The guest as the host of the story, and what it was like before."""

    guest: Guest
    flavour: str
    files: dict[str, str] = field(default_factory=dict)
    drivers: dict[str, str] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)

    @property
    def reconcile(self) -> Reconcile:
        """The tool in it."""
        return Reconcile(self.guest)

    def entries(self) -> list[Entry]:
        """What can boot next."""
        return observe.entries(self.guest, named(self.flavour).loader)


def drivers(host: Host) -> dict[str, str]:
    """The drivers of what is passed through, and of their twins."""
    addresses = (*PASSED_THROUGH, NIC_TWIN, NIC_NODE1, HDA)
    return {address: observe.driver(host.guest, address) for address in addresses}


def every_entry_has_the_arguments(host: Host) -> None:
    """The old arguments first, in their order, and then ours, each once."""
    entries = host.entries()
    assert entries
    for entry in entries:
        words = entry.words()
        assert [w for w in words if w in host.arguments] == host.arguments, entry
        assert sorted(w for w in words if w in ARGUMENTS) == sorted(ARGUMENTS), entry


def no_entry_has_the_arguments(host: Host) -> None:
    """Every entry is as it was, a new kernel's too."""
    for entry in host.entries():
        assert entry.words() == host.arguments, entry


def everything_holds(host: Host) -> None:
    """All that a reboot brings."""
    the_arguments_run(host)
    the_devices_are_ready(host)
    the_cpus_are_isolated(host)
    the_pages_are_there(host)
    the_virtual_functions_are_there(host)


def nothing_is_set_aside(host: Host) -> None:
    """No CPU, no page, no VF, no domain."""
    guest = host.guest
    assert guest.out("cat /sys/devices/system/cpu/isolated").strip() == ""
    assert [observe.pages(guest, n, kib) for n in (0, 1) for kib in (2048, 1048576)] == [0] * 4
    assert guest.out(f"cat /sys/bus/pci/devices/{NVME_SRIOV}/sriov_numvfs").strip() == "0"
    assert guest.out("virsh list --all --name").strip() == ""


def the_arguments_run(host: Host) -> None:
    """The kernel has been started with them."""
    assert set(observe.running(host.guest)) >= ARGUMENTS


def the_devices_are_ready(host: Host) -> None:
    """Each in its IOMMU group and on vfio-pci since early in the boot; their twins untouched."""
    guest = host.guest
    assert observe.group(guest, NIC) == {NIC}
    assert observe.group(guest, CARD[0]) == set(CARD)
    found = drivers(host)
    assert {a: found[a] for a in PASSED_THROUGH} == dict.fromkeys(PASSED_THROUGH, "vfio-pci")
    others = found.keys() - set(PASSED_THROUGH)
    assert {a: found[a] for a in others} == {a: host.drivers[a] for a in others}
    for address in PASSED_THROUGH:
        was = host.drivers[address]
        assert not was or not observe.touched_by(guest, was, address), f"{was} had {address} first"


def the_cpus_are_isolated(host: Host) -> None:
    """By the kernel's own account; the slices of the host stay on the reserved ones."""
    guest = host.guest
    cpus = "/sys/devices/system/cpu"
    assert guest.out(f"cat {cpus}/isolated").strip() == ISOLATED
    assert guest.out(f"cat {cpus}/nohz_full").strip() == ISOLATED
    for unit in ("system.slice", "user.slice", "init.scope"):
        allowed = guest.out(f"systemctl show --value -p AllowedCPUs {unit}").split()
        assert ",".join(allowed) == RESERVED, unit
    assert guest.out("cat /sys/fs/cgroup/system.slice/cpuset.cpus.effective").strip() == RESERVED


def the_pages_are_there(host: Host) -> None:
    """On their nodes, and no page of another size or node."""
    for node in (0, 1):
        for kib in (2048, 1048576):
            assert observe.pages(host.guest, node, kib) == PAGES.get((node, kib), 0), (node, kib)


def the_virtual_functions_are_there(host: Host) -> None:
    """Each on vfio-pci, in a group of its own; the physical function keeps its driver."""
    guest = host.guest
    folder = f"/sys/bus/pci/devices/{NVME_SRIOV}"
    assert int(guest.out(f"cat {folder}/sriov_numvfs")) == len(VIRTUAL)
    assert observe.driver(guest, NVME_SRIOV) == "nvme"
    for address in VIRTUAL:
        assert observe.driver(guest, address) == "vfio-pci"
        assert observe.group(guest, address) == {address}


def the_vm_starts_with_all_it_needs(host: Host) -> None:
    """It runs with its device, in its pages, and its threads sit on their CPUs."""
    guest = host.guest
    guest.out(f"virsh start {VM}")
    scope = guest.out(f"ls -d /sys/fs/cgroup/machine.slice/machine-qemu*{VM}.scope").strip()
    escaped = scope.replace("\\", "\\\\")
    for thread, cpus in PINS.items():
        assert guest.out(f"cat {escaped}/libvirt/{thread}/cpuset.cpus").strip() == cpus, thread
    monitor = guest.out(f"virsh qemu-monitor-command {VM} --hmp 'info pci'")
    assert "8086:10d3" in monitor
    free = guest.out("cat /sys/devices/system/node/node0/hugepages/hugepages-2048kB/free_hugepages")
    assert int(free) < PAGES[0, 2048]
    guest.out(f"virsh destroy {VM}")
    assert observe.driver(guest, NIC) == "vfio-pci"
