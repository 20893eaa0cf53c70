"""What is refused and what is warned about before a function leaves the host."""

from __future__ import annotations

import pytest

from reconciler.model import Effective, Severity
from tests.devices.planning import addresses, codes, device, drivers, host, plan, refusals
from tests.simulator.hosts import debian
from tests.simulator.tree import TreeBuilder


@pytest.fixture
def box(tree: TreeBuilder) -> TreeBuilder:
    """A GPU with audio in one group, behind a port."""
    host(tree)
    port = "0000:00:01.0"
    tree.function(port, "0x060400", "8086:1901", driver="pcieport", group=1)
    tree.function("0000:01:00.0", driver="nouveau", below=port, group=1)
    tree.function(
        "0000:01:00.1", "0x040300", "10de:228b", driver="snd_hda_intel", below=port, group=1
    )
    return tree


GPU = {"address": "01:00.0"}
BOTH = {"address": "01:00.0", "accept_siblings": ["01:00.1"]}


def test_a_shared_group_is_refused_and_the_sibling_named(box: TreeBuilder) -> None:
    found = plan(box, device=[device(**GPU)])
    (finding,) = refusals(found)
    assert finding.code == "group-not-viable"
    assert addresses(finding.message)[:2] == ["0000:01:00.0", "0000:01:00.1"]
    assert "driver snd_hda_intel" in finding.message
    assert 'accept_siblings = ["0000:01:00.1"]' in finding.hint


def test_accepted_siblings_go_along(box: TreeBuilder) -> None:
    found = plan(box, device=[device(**BOTH)])
    assert refusals(found) == []
    assert sorted(drivers(found)) == ["0000:01:00.0", "0000:01:00.1"]


@pytest.mark.parametrize(
    ("driver", "blocks"),
    [("vfio-pci", False), ("pci-stub", False), (None, True), ("snd_hda_intel", True)],
)
def test_what_holds_the_sibling_decides(box: TreeBuilder, driver: str | None, blocks: bool) -> None:
    path = "/sys/devices/pci0000:00/0000:00:01.0/0000:01:00.1"
    (box.root / path[1:] / "driver").unlink()
    if driver:
        box.bind(path, driver)
    assert codes(plan(box, device=[device(**GPU)])) == (["group-not-viable"] if blocks else [])


@pytest.mark.parametrize(
    ("class_code", "driver", "blocks"),
    [
        ("0x060400", None, False),
        ("0x060400", "pcieport", False),
        ("0x060400", "shpchp", True),
        ("0x060000", None, False),
        ("0x060100", None, False),
        ("0x060100", "lpc_ich", True),
    ],
)
def test_bridges_are_exempt_unless_their_driver_uses_dma(
    box: TreeBuilder, class_code: str, driver: str | None, blocks: bool
) -> None:
    box.function("0000:00:1f.0", class_code, "8086:a3da", driver=driver, group=1)
    expected = ["group-not-viable"] if blocks else []
    assert codes(plan(box, device=[device(**BOTH)])) == expected


def test_only_guests_need_a_viable_group(box: TreeBuilder) -> None:
    """The kernel's rule is about who opens the group through VFIO (drivers/iommu/iommu.c)."""
    box.write("/sys/kernel/iommu_groups/1/reserved_regions", "0x1 0x2 direct\n")
    to_host = device(**GPU, driver="nvidia")
    found = plan(box, device=[to_host])
    assert (codes(found), list(drivers(found))) == ([], ["0000:01:00.0"])
    for more in (
        {"device": [{**to_host, "bind": "vm"}]},
        {"vm": [{"name": "a", "devices": ["dev"]}]},
    ):
        refused = codes(plan(box, **{"device": [to_host], **more}))
        assert {"group-not-viable", "rmrr"} <= set(refused)


def test_a_sibling_that_goes_to_a_driver_of_the_host_stays_in_the_way(box: TreeBuilder) -> None:
    audio = {"name": "audio", "address": "01:00.1"}
    assert refusals(plan(box, device=[device(**GPU), audio])) == []
    found = plan(box, device=[device(**GPU), {**audio, "driver": "snd_sof"}])
    assert [f.where for f in refusals(found)] == ["device[0]"]


def test_acs_is_named_in_the_refusal(box: TreeBuilder) -> None:
    box.write("/sys/devices/pci0000:00/0000:00:01.0/config", bytes(4096))
    (finding,) = refusals(plan(box, device=[device(**GPU)]))
    assert "ACS is not on at the port above: 0000:00:01.0 (absent)" in finding.message


def test_acs_override_warns(box: TreeBuilder) -> None:
    spec = {"kernel_args": ["pcie_acs_override=downstream,multifunction"]}
    found = plan(box, device=[device(**BOTH)], boot=spec)
    assert "acs-override" in codes(found, Severity.WARN)
    found = plan(
        box, boot=spec
    )  # an option that the spec itself asks for, with or without a device
    assert [f.where for f in found.findings if f.code == "acs-override"] == ["boot.kernel_args[0]"]


def test_the_disk_of_the_root_is_refused(box: TreeBuilder) -> None:
    found = plan(box, device=[device(address="04:00.0")])
    (finding,) = refusals(found)
    assert finding.code == "device-in-use"
    assert "0000:04:00.0: /" in finding.message


def test_all_uses_of_a_device_are_one_finding(box: TreeBuilder) -> None:
    disk = box.function("0000:05:00.0", "0x010802", "144d:a80a", driver="nvme", group=51)
    sda, sdb = (box.disk(name, disk) for name in ("nvme1n1", "nvme1n2"))
    box.mount(sda, "/srv")
    box.mount(sdb, "/home")
    (finding,) = refusals(plan(box, device=[device(address="05:00.0")]))
    assert finding.message == "the host needs 0000:05:00.0: /home, /srv"
    box.mount("/dev/nowhere", "/data", "ext4")
    box.mount("/dev/nowhere", "/old", "ext4")
    doubtful, used = refusals(plan(box, device=[device(address="05:00.0")]))
    assert used == finding
    assert doubtful.message.startswith("0000:05:00.0 may carry /data, /old: cannot tell (")


def test_a_sibling_in_use_is_refused_too(box: TreeBuilder) -> None:
    disk = box.function("0000:01:00.2", "0x010601", "8086:a102", driver="ahci", group=1)
    box.mount(box.disk("sda", disk), "/srv")
    keys = {**BOTH, "accept_siblings": ["01:00.1", "01:00.2"]}
    (finding,) = refusals(plan(box, device=[device(**keys)]))
    assert (finding.code, "/srv" in finding.message) == ("device-in-use", True)


def test_an_unresolved_mount_refuses_what_could_carry_it(box: TreeBuilder) -> None:
    box.mount("/dev/nowhere", "/data", "ext4")
    assert codes(plan(box, device=[device(**BOTH)])) == []
    box.function("0000:05:00.0", "0x010700", "1000:0097", driver="mpt3sas", group=50)
    (finding,) = refusals(plan(box, device=[device(address="05:00.0")]))
    assert finding.code == "device-in-use"
    assert "cannot tell" in finding.message


def test_held_devices_wait_for_the_reboot(box: TreeBuilder) -> None:
    disk = box.function("0000:05:00.0", "0x010700", "1000:0097", driver="mpt3sas", group=50)
    box.stacked("dm-0", box.disk("sda", disk), dm="guest-lv")
    found = plan(box, device=[device(address="05:00.0")])
    assert refusals(found) == []
    assert drivers(found) == {}
    assert [(p.object, p.effective) for p in found.pending if p.object != "kernel-args"] == [
        ("0000:05:00.0", Effective.REBOOT)
    ]
    (note,) = [f for f in found.findings if f.code == "bind-at-reboot"]
    assert "held by guest-lv" in note.message


def test_bridges_and_physical_functions_with_vfs_go_nowhere(box: TreeBuilder) -> None:
    assert "device-not-assignable" in codes(plan(box, device=[device(address="00:01.0")]))
    box.function(
        "0000:06:00.0", "0x020000", "8086:1572", group=60, sriov_totalvfs="8", sriov_numvfs="2"
    )
    assert codes(plan(box, device=[device(address="06:00.0")])) == ["device-not-assignable"]


def test_memory_that_firmware_keeps(box: TreeBuilder) -> None:
    box.function("0000:06:00.0", "0x020000", "8086:1572", group=60)
    box.write("/sys/kernel/iommu_groups/60/reserved_regions", "0xbe000000 0xbe7fffff direct\n")
    assert codes(plan(box, device=[device(address="06:00.0")])) == ["rmrr"]
    box.write("/sys/kernel/iommu_groups/60/reserved_regions", "0x0 0xfff direct-relaxable\n")
    assert codes(plan(box, device=[device(address="06:00.0")])) == []


@pytest.mark.parametrize(("kernel", "refused"), [("6.1.0-30-amd64", False), ("6.6.1", True)])
def test_memory_that_firmware_keeps_with_another_iommu(
    tree: TreeBuilder, kernel: str, refused: bool
) -> None:
    """AMD's boards with an IVMD over all buses: the kernel minds since 6.6."""
    host(tree).function("0000:06:00.0", "0x020000", "8086:1572", group=60)
    (tree.root / "sys/class/iommu/dmar0").unlink()
    (tree.root / "sys/firmware/acpi/tables/DMAR").unlink()
    tree.iommu("ivhd0", "IVRS")
    tree.write("/proc/sys/kernel/osrelease", kernel + "\n")
    tree.write("/sys/kernel/iommu_groups/60/reserved_regions", "0xbe000000 0xbe7fffff direct\n")
    found = plan(tree, device=[device(address="06:00.0")])
    assert ("rmrr" in codes(found)) is refused


@pytest.mark.parametrize(
    ("methods", "warned"), [("flr bus", False), ("pm", True), ("", True), ("bus", False)]
)
def test_reset_methods_of_a_gpu(tree: TreeBuilder, methods: str, warned: bool) -> None:
    host(tree).function("0000:01:00.0", driver="amdgpu", group=1, reset=methods)
    found = plan(tree, device=[device(**GPU)])
    assert ("no-reset" in codes(found, Severity.WARN)) is warned


def test_no_attribute_at_all_means_no_reset_unless_the_copy_is_not_whole(tree: TreeBuilder) -> None:
    path = host(tree).function("0000:01:00.0", driver="amdgpu", group=1, reset=None)
    assert "no-reset" in codes(plan(tree, device=[device(**GPU)]), Severity.WARN)
    tree.write(f"{path}/reset", "")  # before 5.15 this says that there is some method
    assert "no-reset" not in codes(plan(tree, device=[device(**GPU)]), Severity.WARN)
    for name in ("reset", "driver_override"):
        (tree.root / f"{path}/{name}".lstrip("/")).unlink()
    assert "no-reset" not in codes(plan(tree, device=[device(**GPU)]), Severity.WARN)


@pytest.mark.parametrize(
    ("power", "runtime", "warned"),
    [
        ("D0", "active", False),
        ("D3cold", "suspended", False),
        ("D3cold", "active", True),
        ("error", "active", True),
        ("unknown", "active", False),
    ],
)
def test_a_function_that_does_not_answer(
    tree: TreeBuilder, power: str, runtime: str, warned: bool
) -> None:
    path = host(tree).function("0000:01:00.0", driver="amdgpu", group=1, power_state=power)
    tree.write(f"{path}/power/runtime_status", runtime + "\n")
    found = plan(tree, device=[device(**GPU)])
    assert ("power-state" in codes(found, Severity.WARN)) is warned


def test_accepting_what_is_not_there_or_elsewhere(box: TreeBuilder) -> None:
    keys = device(**{**BOTH, "accept_siblings": ["01:00.1", "01:00.7"]})
    assert codes(plan(box, device=[keys])) == ["device-missing"]
    box.function("0000:06:00.0", "0x020000", "8086:1572", group=60)
    keys = device(**{**BOTH, "accept_siblings": ["01:00.1", "06:00.0"]})
    assert "sibling-not-in-group" in codes(plan(box, device=[keys]), Severity.WARN)


def with_vfio(box: TreeBuilder) -> None:
    """The card has left its drivers."""
    for name in ("0000:01:00.0", "0000:01:00.1"):
        path = f"/sys/devices/pci0000:00/0000:00:01.0/{name}"
        (box.root / path[1:] / "driver").unlink()
        box.bind(path, "vfio-pci")


def test_a_group_that_changed_is_noticed_once(box: TreeBuilder) -> None:
    with_vfio(box)
    box.write(
        "/var/lib/reconcile/owned.json",
        '{"format": 1, "owned": {"devices": {"0000:01:00.0": {"driver": "nouveau", '
        '"id": "10de:2489", "group": ["0000:01:00.0 10de:2489"]}}}}',
    )
    found = plan(box, device=[device(**BOTH)])
    (finding,) = [f for f in found.findings if f.code == "group-changed"]
    assert "0000:01:00.1" in finding.message
    (change,) = [c for c in found.changes if c.field == "record"]
    assert change.steps == ()
    assert "0000:01:00.1 10de:228b" in change.claims[0].value["group"]


def test_a_record_without_group_is_left_as_it_is(box: TreeBuilder) -> None:
    with_vfio(box)
    box.write(
        "/var/lib/reconcile/owned.json",
        '{"format": 1, "owned": {"devices": {"0000:01:00.0": {"driver": "nouveau", '
        '"id": "10de:2489", "bound": "vfio-pci"}}}}',
    )
    found = plan(box, device=[device(**BOTH)])
    assert [c for c in found.changes if c.kind == "driver"] == []


# --- no IOMMU ---------------------------------------------------------------------------------


@pytest.fixture
def dark(tree: TreeBuilder) -> TreeBuilder:
    """A host without any IOMMU group."""
    host(tree)
    for name in ("sys/kernel/iommu_groups/40/type", "sys/kernel/iommu_groups/40/reserved_regions"):
        (tree.root / name).unlink()
    (tree.root / "sys/kernel/iommu_groups/40/devices/0000:04:00.0").unlink()
    (tree.root / "sys/kernel/iommu_groups/40/devices").rmdir()
    (tree.root / "sys/kernel/iommu_groups/40").rmdir()
    (tree.root / "sys/devices/pci0000:00/0000:04:00.0/iommu_group").unlink()
    (tree.root / "sys/class/iommu/dmar0").unlink()
    tree.function("0000:01:00.0", driver="nouveau")
    debian(tree, "box", "0123456789abcdef0123456789abcdef", "quiet")
    return tree


def test_only_switched_off_is_no_refusal(dark: TreeBuilder) -> None:
    found = plan(dark, device=[device(**GPU)])
    assert codes(found) == []
    assert "groups-unknown" in codes(found, Severity.WARN)
    assert drivers(found) == {}
    assert any("intel_iommu=on" in str(c.after) for c in found.changes)


def test_no_table_is_refused_with_the_reason(dark: TreeBuilder) -> None:
    (dark.root / "sys/firmware/acpi/tables/DMAR").unlink()
    (finding,) = refusals(plan(dark, device=[device(**GPU)]))
    assert finding.code == "no-iommu"
    dark.function("0000:00:00.0", "0x060000", "8086:29e0")
    (finding,) = refusals(plan(dark, device=[device(**GPU)]))
    assert "Intel X38/X48" in finding.message
    assert "enable VT-d in firmware setup" in finding.hint


def test_an_argument_of_others_is_refused_unless_this_plan_removes_it(dark: TreeBuilder) -> None:
    dark.write("/proc/cmdline", "quiet intel_iommu=off\n")
    (finding,) = refusals(plan(dark, device=[device(**GPU)]))
    assert (finding.code, "intel_iommu=off" in finding.message) == ("no-iommu", True)
    for absent in ("intel_iommu=off", "intel_iommu"):
        boot = {"absent_kernel_args": [absent]}
        assert "no-iommu" not in codes(plan(dark, device=[device(**GPU)], boot=boot))


def test_an_argument_that_only_the_running_kernel_has_asks_for_a_reboot(dark: TreeBuilder) -> None:
    dark.write("/proc/cmdline", "quiet intel_iommu=off\n")
    (finding,) = refusals(plan(dark, device=[device(**GPU)]))
    assert finding.hint == "the next boot is without it: reboot, then apply"
    debian(dark, "box", "0123456789abcdef0123456789abcdef", "quiet intel_iommu=off")
    (finding,) = refusals(plan(dark, device=[device(**GPU)]))
    assert finding.hint == "remove intel_iommu=off from the boot configuration"


# --- the person at the machine -----------------------------------------------------------------


@pytest.fixture
def desk(tree: TreeBuilder) -> TreeBuilder:
    """One display with a monitor, one USB controller with the only keyboard."""
    host(tree)
    gpu = tree.function("0000:01:00.0", driver="amdgpu", group=1, boot_vga="1")
    home = f"{gpu}/drm/card0/card0-DP-1"
    tree.write(f"{home}/status", "connected\n")
    tree.write(f"{home}/enabled", "disabled\n")
    tree.link("/sys/class/drm/card0-DP-1", home)
    usb = tree.function("0000:00:14.0", "0x0c0330", "8086:a12f", driver="xhci_hcd", group=14)
    keys = "B: KEY=1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe"
    path = f"{usb.removeprefix('/sys')}/usb1/1-1/1-1:1.0/input/input5"
    tree.write("/proc/bus/input/devices", f'N: Name="Keys"\nS: Sysfs={path}\n{keys}\n\n')
    return tree


@pytest.mark.parametrize("address", ["01:00.0", "00:14.0"])
def test_the_last_display_and_keyboard_stay(desk: TreeBuilder, address: str) -> None:
    (finding,) = refusals(plan(desk, device=[device(address=address)]))
    assert finding.code == "device-in-use"
    assert "last" in finding.message


@pytest.mark.parametrize("address", ["01:00.0", "00:14.0"])
def test_another_way_in_makes_it_a_warning(desk: TreeBuilder, address: str) -> None:
    vm = plan(desk, device=[device(address=address, bind="vm")])
    assert (codes(vm), "device-in-use" in codes(vm, Severity.WARN)) == ([], True)
    boot = {"kernel_args": ["console=tty0", "console=ttyS0,115200"]}
    serial = plan(desk, device=[device(address=address)], boot=boot)
    assert (codes(serial), "device-in-use" in codes(serial, Severity.WARN)) == ([], True)


def test_a_second_display_and_a_ps2_keyboard_are_enough(desk: TreeBuilder) -> None:
    desk.function("0000:00:02.0", ids="8086:4680", driver="i915", group=2)
    assert codes(plan(desk, device=[device(address="01:00.0")])) == []
    text = (desk.root / "proc/bus/input/devices").read_text()
    ps2 = text.replace(
        "/devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1:1.0", "/devices/platform/i8042"
    )
    desk.write("/proc/bus/input/devices", text + ps2)
    assert codes(plan(desk, device=[device(address="00:14.0")])) == []


def test_boot_display_waits_for_the_reboot(desk: TreeBuilder) -> None:
    desk.function("0000:00:02.0", ids="8086:4680", driver="i915", group=2)
    found = plan(desk, device=[device(address="01:00.0")])
    assert drivers(found) == {}
    assert any("boot display" in f.message for f in found.findings)


@pytest.mark.parametrize(
    ("kernel", "boot_vga", "driver", "warned"),
    [
        ("5.15.0-91-generic", "1", "EFI VGA", True),
        ("5.15.0-91-generic", "0", "EFI VGA", False),
        ("5.15.0-91-generic", "1", None, False),
        ("6.1.0-30-amd64", "1", "EFI VGA", False),
    ],
)
def test_the_firmwares_framebuffer_on_kernels_that_leave_it(
    tree: TreeBuilder, kernel: str, boot_vga: str, driver: str | None, warned: bool
) -> None:
    host(tree).function("0000:01:00.0", driver="amdgpu", group=1, boot_vga=boot_vga)
    tree.write("/proc/sys/kernel/osrelease", kernel + "\n")
    if driver:
        path = "/sys/devices/platform/efi-framebuffer.0/graphics/fb0"
        tree.write(f"{path}/name", driver + "\n")
        tree.link("/sys/class/graphics/fb0", path)
    found = plan(tree, device=[device(**GPU)])
    assert ("boot-framebuffer" in codes(found, Severity.WARN)) is warned


def test_what_vfio_itself_denies(tree: TreeBuilder) -> None:
    host(tree).function("0000:01:00.0", "0x0b4000", "8086:37c8", driver="c6xx", group=1)
    (finding,) = refusals(plan(tree, device=[device(**GPU)]))
    assert finding.code == "device-denylisted"
    allowed = plan(
        tree,
        device=[device(**GPU)],
        boot={"kernel_args": ["vfio_pci.disable_denylist=1"]},
    )
    assert codes(allowed) == []
    assert "device-denylisted" in codes(allowed, Severity.WARN)
    assert (drivers(allowed), "0000:01:00.0" in [p.object for p in allowed.pending]) == ({}, True)
    args = "quiet intel_iommu=on iommu=pt vfio_pci.disable_denylist=1"
    debian(tree, "box", "0123456789abcdef0123456789abcdef", args)
    assert list(drivers(plan(tree, device=[device(**GPU)]))) == ["0000:01:00.0"]
