"""What makes a function come up on its driver at the next boot."""

from __future__ import annotations

import shutil

import pytest

from reconciler.context import Context, Wishes
from reconciler.observe import HostState
from reconciler.ownership import Owned
from reconciler.resources.device import RESOURCE
from specs.spec import HostSpec
from tests.devices.planning import device, host, state_of
from tests.simulator.host import Bench
from tests.simulator.hosts import KERNEL
from tests.simulator.tree import TreeBuilder

MODPROBE = "/etc/modprobe.d/reconcile.conf"
RULES = "/etc/udev/rules.d/10-reconcile-vfio.rules"


@pytest.fixture
def state(tree: TreeBuilder) -> HostState:
    """Two identical GPUs, one NIC with a VF."""
    host(tree)
    for bus, group in (("01", 1), ("02", 2)):
        tree.function(f"0000:{bus}:00.0", ids="1002:731f", driver="amdgpu", group=group)
    pf = tree.function("0000:03:00.0", "0x020000", "8086:1572", driver="i40e", group=3)
    vf = tree.function("0000:03:02.0", "0x020000", "8086:154c", driver="iavf", group=4)
    tree.link(f"{vf}/physfn", pf)
    return state_of(tree.reader())


def wishes(state: HostState, *devices: dict[str, object]) -> Wishes:
    """What these devices want."""
    spec = HostSpec.model_validate({"version": 1, "device": list(devices)})
    return RESOURCE.wishes(Context(spec, state, Owned(), "/s.toml", "/"))


def lines(found: Wishes, path: str) -> list[str]:
    """The lines of a wished file, without its comment."""
    text = next((f.content.decode() for f in found.files if f.path == path), "")
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_an_id_that_is_exact(state: HostState) -> None:
    both = [device(address=f"0{n}:00.0") | {"name": f"gpu{n}"} for n in (1, 2)]
    found = wishes(state, *both)
    assert lines(found, MODPROBE) == [
        "options vfio-pci ids=1002:731f",
        "softdep amdgpu pre: vfio-pci",
        "softdep radeon pre: vfio-pci",
    ]
    assert lines(found, RULES) == []
    assert found.early_modules == ("vfio-pci",)
    assert all(f.in_initramfs for f in found.files)


def test_one_of_two_twins_goes_by_address(state: HostState) -> None:
    found = wishes(state, device(address="02:00.0"))
    assert lines(found, MODPROBE) == [
        "softdep amdgpu pre: vfio-pci",
        "softdep radeon pre: vfio-pci",
    ]
    (rule,) = lines(found, RULES)
    assert 'KERNEL=="0000:02:00.0"' in rule
    assert 'ATTR{driver_override}="vfio-pci"' in rule


@pytest.mark.parametrize("class_code", ["0x020000", "0x010802"])
def test_a_card_whose_twin_the_host_may_boot_from_one_day_goes_by_address(
    tree: TreeBuilder, class_code: str
) -> None:
    host(tree).function("0000:03:00.0", class_code, "8086:1572", driver="i40e", group=3)
    found = wishes(state_of(tree.reader()), device(address="03:00.0"))
    assert "softdep i40e pre: vfio-pci" in lines(found, MODPROBE)
    assert not [line for line in lines(found, MODPROBE) if "ids=" in line]
    (rule,) = lines(found, RULES)
    assert 'KERNEL=="0000:03:00.0"' in rule


def test_both_twins_with_different_drivers(state: HostState) -> None:
    second = device(address="02:00.0", driver="pci-stub") | {"name": "two"}
    found = wishes(state, device(address="01:00.0"), second)
    assert [r.split('driver_override}="')[1].split('"')[0] for r in lines(found, RULES)] == [
        "vfio-pci",
        "pci-stub",
    ]
    assert "softdep amdgpu pre: pci-stub" in lines(found, MODPROBE)
    assert found.early_modules == ("vfio-pci", "pci-stub")


def test_a_vf_never_goes_by_id(state: HostState) -> None:
    found = wishes(state, device(address="03:02.0"))
    assert not any("ids=" in line for line in lines(found, MODPROBE))
    assert len(lines(found, RULES)) == 1


def test_bound_by_the_vm_leaves_no_trace(state: HostState) -> None:
    assert wishes(state, device(address="02:00.0", bind="vm")) == Wishes()


def test_vfio_in_the_kernel_is_told_by_argument(tree: TreeBuilder) -> None:
    host(tree)
    tree.function("0000:01:00.0", ids="1002:731f", driver="amdgpu", group=1)
    tree.write(
        "/lib/modules/6.1.0-30-amd64/modules.builtin", "kernel/drivers/vfio/pci/vfio-pci.ko\n"
    )
    found = wishes(state_of(tree.reader()), device(address="01:00.0"))
    assert [a.arg for a in found.args] == ["vfio-pci.ids=1002:731f"]
    assert (found.files, found.early_modules) == ((), ())


def builtin_usb(tree: TreeBuilder) -> None:
    """Two USB controllers of one model whose driver is in the kernel, as Fedora has it."""
    host(tree)
    for bus in ("05", "06"):
        tree.function(
            f"0000:{bus}:00.0", "0x0c0330", "1b36:000d", driver="xhci_hcd", group=int(bus)
        )
    tree.link("/sys/bus/pci/drivers/xhci_hcd/module", "/sys/module/xhci_pci")
    tree.write(f"/lib/modules/{KERNEL}/modules.builtin", "kernel/drivers/usb/host/xhci-pci.ko\n")


def test_a_built_in_driver_is_unbound_in_the_initramfs(tree: TreeBuilder) -> None:
    """No option and no softdep comes before it, though both controllers go."""
    builtin_usb(tree)
    both = [device(address=f"0{n}:00.0") | {"name": f"usb{n}"} for n in (5, 6)]
    found = wishes(state_of(tree.reader()), *both)
    assert not [line for line in lines(found, MODPROBE) if "ids=" in line]
    first = [line for line in lines(found, RULES) if "0000:05:00.0" in line]
    override, systemd, debian, probe = first
    assert override.endswith('ATTR{device}=="0x000d", ATTR{driver_override}="vfio-pci"')
    unbind = 'DRIVER=="xhci_hcd", ATTR{driver/unbind}="$kernel"'
    assert systemd.endswith(f'TEST=="/etc/initrd-release", {unbind}')
    assert debian.endswith(f'TEST=="/conf/initramfs.conf", {unbind}')
    assert 'ATTR{[subsystem/pci]drivers_probe}="$kernel"' in probe
    assert found.early_modules == ("vfio-pci",)


def test_it_stays_so_once_vfio_has_the_function(tree: TreeBuilder) -> None:
    builtin_usb(tree)
    tree.finish()
    bench = Bench(tree.root)
    spec = {"device": [device(address="05:00.0")]}
    assert bench.apply(**spec).good
    assert bench.kernel.driver("0000:05:00.0") == "vfio-pci"
    assert bench.plan(**spec).changes == ()
    shutil.rmtree(tree.root / "sys/devices/pci0000:00/0000:06:00.0")
    (tree.root / "sys/bus/pci/devices/0000:06:00.0").unlink()
    assert not [c for c in bench.plan(**spec).changes if c.kind == "file"]


def test_what_is_built_in_is_told_by_an_installed_kernel_where_none_runs(tree: TreeBuilder) -> None:
    builtin_usb(tree)
    (tree.root / "proc/sys/kernel/osrelease").unlink()
    assert state_of(tree.reader()).builtin_drivers == {"xhci_hcd"}


def test_a_hostile_driver_name_brings_no_line_of_its_own(tree: TreeBuilder) -> None:
    """modprobe runs what an ``install`` line says, as root."""
    host(tree)
    tree.function("0000:03:00.0", "0x020000", "8086:1572", driver="i40e", group=3)
    driver = tree.root / "sys/bus/pci/devices/0000:03:00.0/driver"
    driver.unlink()
    driver.symlink_to("../../drivers/x\ninstall e1000e touch pwned")
    found = wishes(state_of(tree.reader()), device(address="03:00.0"))
    assert lines(found, MODPROBE) == []


def test_hostile_ids_bring_no_command_into_a_rule(tree: TreeBuilder) -> None:
    """udev runs what RUN says, as root."""
    host(tree)
    for bus, group in (("01", 1), ("02", 2)):
        tree.function(f"0000:{bus}:00.0", ids="1002:731f", driver="amdgpu", group=group)
    evil = '731f", RUN+="/bin/touch pwned'
    tree.write("/sys/bus/pci/devices/0000:02:00.0/device", f"0x{evil}\n")
    found = wishes(state_of(tree.reader()), device(address="02:00.0"))
    assert "pwned" not in "".join(f.content.decode() for f in found.files)
