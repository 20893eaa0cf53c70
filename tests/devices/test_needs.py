"""What the host needs: every stack from a mount down to PCI functions, and the seat."""

from __future__ import annotations

from specs.values import PciAddress
from tests.devices.needs import controllers, needs_of, said
from tests.simulator.tree import TreeBuilder


def test_partition_of_a_disk(tree: TreeBuilder) -> None:
    port = "0000:00:1d.0"
    tree.function(port, "0x060400", "8086:a298", driver="pcieport")
    nvme = tree.function("0000:04:00.0", "0x010802", "144d:a808", below=port)
    tree.disk("nvme0n1", nvme, bus="nvme/nvme0")
    tree.mount(tree.partition("nvme0n1", 2), "/")
    tree.mount(tree.partition("nvme0n1", 1), "/boot/efi", "vfat")
    needs = needs_of(tree)
    assert said(needs) == {port: ["/", "/boot/efi"], "0000:04:00.0": ["/", "/boot/efi"]}
    assert needs.unresolved == ()


def test_lvm_on_luks_on_md_on_two_controllers(tree: TreeBuilder) -> None:
    a, b = controllers(tree, "0000:00:17.0", "0000:00:18.0")
    tree.disk("sda", a)
    tree.disk("sdb", b)
    md = tree.stacked("md127", tree.partition("sda", 2), tree.partition("sdb", 2))
    luks = tree.stacked("dm-0", md, dm="luks-root")
    root = tree.stacked("dm-1", luks, dm="vg-root")
    tree.mount(root, "/")
    swap = tree.stacked("dm-2", luks, dm="vg-swap")
    tree.swaps.append(f"/dev/{swap}\tpartition\t1\t0\t-2\n")
    needs = needs_of(tree)
    assert said(needs) == {
        "0000:00:17.0": ["/", "swap /dev/dm-2"],
        "0000:00:18.0": ["/", "swap /dev/dm-2"],
    }


def test_multipath_over_two_adapters(tree: TreeBuilder) -> None:
    a, b = controllers(tree, "0000:05:00.0", "0000:06:00.0")
    tree.disk("sda", a, bus="host1/rport-1:0-0/target1:0:0/1:0:0:0")
    tree.disk("sdb", b, bus="host2/rport-2:0-0/target2:0:0/2:0:0:0")
    mpath = tree.stacked("dm-0", "sda", "sdb", dm="mpatha")
    tree.mount(tree.stacked("dm-1", mpath, dm="mpatha-part1"), "/var/lib/libvirt")
    assert set(said(needs_of(tree))) == {"0000:05:00.0", "0000:06:00.0"}


def test_nvme_multipath_has_no_slaves(tree: TreeBuilder) -> None:
    a = tree.function("0000:41:00.0", "0x010802")
    b = tree.function("0000:42:00.0", "0x010802")
    subsystem = "/sys/devices/virtual/nvme-subsystem/nvme-subsys0"
    for n, path in enumerate((a, b)):
        tree.mkdir(f"{path}/nvme/nvme{n}")
        tree.link(f"{subsystem}/nvme{n}", f"{path}/nvme/nvme{n}")
    tree.mkdir(f"{subsystem}/nvme0n1/slaves")
    tree.block(f"{subsystem}/nvme0n1")
    tree.mount(tree.partition("nvme0n1", 1), "/")
    assert set(said(needs_of(tree))) == {"0000:41:00.0", "0000:42:00.0"}


def test_vmd_usb_and_sd_card_readers_count_with_what_is_above(tree: TreeBuilder) -> None:
    vmd = "0000:00:0e.0/pci10000:e0/10000:e0:06.0"
    nvme = tree.function("10000:e1:00.0", "0x010802", "144d:a808")
    tree.disk("sda", f"/sys/devices/pci0000:00/{vmd}/10000:e1:00.0", bus="nvme/nvme0")
    tree.mount("sda", "/")
    usb = tree.function("0000:00:14.0", "0x0c0330", "8086:a12f", driver="xhci_hcd")
    tree.disk("sdb", usb, bus="usb1/1-1/1-1:1.0/host0/target0:0:0/0:0:0:0")
    tree.mount("sdb", "/mnt/stick", "vfat")
    assert nvme
    found = said(needs_of(tree))
    assert found["0000:00:0e.0"] == found["10000:e1:00.0"] == ["/"]
    assert found["0000:00:14.0"] == ["/mnt/stick"]


def test_loop_on_a_file_and_swap_file(tree: TreeBuilder) -> None:
    a, b = controllers(tree, "0000:00:17.0", "0000:00:18.0")
    tree.disk("sda", a)
    tree.disk("sdb", b)
    tree.mount("sda", "/")
    tree.mount("sdb", "/srv/data")
    tree.mount(tree.loop("loop0", "/srv/data/disk.img"), "/mnt/image")
    tree.mount(tree.loop("loop1", "/srv/gone.img (deleted)"), "/snap/x/1", "squashfs")
    tree.loop("loop2", "")
    tree.swaps.append("/srv/data/swap\\040file\tfile\t1\t0\t-2\n")
    found = said(needs_of(tree))
    assert found["0000:00:18.0"] == ["/srv/data", "swap /srv/data/swap file"]
    assert found["0000:00:17.0"] == ["/"]


def test_btrfs_counts_every_member(tree: TreeBuilder) -> None:
    a, b = controllers(tree, "0000:00:17.0", "0000:00:18.0")
    for disk, path in (("sda", a), ("sdb", b)):
        tree.disk(disk, path)
        name = tree.partition(disk, 1)
        tree.link(f"/sys/fs/btrfs/0000-1111/devices/{name}", f"/sys/class/block/{name}")
    tree.mkdir("/sys/fs/btrfs/features")
    tree.mount("sda1", "/", "btrfs")
    assert set(said(needs_of(tree))) == {"0000:00:17.0", "0000:00:18.0"}


def test_btrfs_that_lists_no_members_is_unresolved(tree: TreeBuilder) -> None:
    (a,) = controllers(tree, "0000:00:17.0")
    tree.disk("sda", a)
    tree.mount("sda", "/", "btrfs")
    (item,) = needs_of(tree).unresolved
    assert (item.area, item.what) == ("storage", "/")


def test_bcache_counts_the_cache(tree: TreeBuilder) -> None:
    a, b = controllers(tree, "0000:00:17.0", "0000:00:18.0")
    backing, cache = tree.disk("sda", a), tree.disk("sdb", b)
    bcache = tree.stacked("bcache0", backing)
    cset = "/sys/fs/bcache/1111"
    tree.link("/sys/devices/virtual/block/bcache0/bcache/cache", cset)
    tree.link(f"{cset}/cache0", f"{b}/ata1/host0/target0:0:0/0:0:0:0/block/{cache}/bcache")
    tree.mount(bcache, "/")
    assert set(said(needs_of(tree))) == {"0000:00:17.0", "0000:00:18.0"}


ZPOOL = (
    "rpool\t928G\t2.4G\t926G\t-\t-\t0%\t0%\t1.00x\tONLINE\t-\n"
    "\tmirror-0\t928G\t2.4G\t926G\t-\t-\t0%\t0.26%\t-\tONLINE\n"
    "\t/dev/sda3\t930G\t-\t-\t-\t-\t-\t-\t-\tONLINE\n"
    "\t/dev/sdb3\t930G\t-\t-\t-\t-\t-\t-\t-\tONLINE\n"
)


def zfs_host(tree: TreeBuilder) -> None:
    """Two disks in one pool that holds the root."""
    for name, path in zip(
        ("sda", "sdb"), controllers(tree, "0000:01:00.0", "0000:02:00.0"), strict=True
    ):
        tree.disk(name, path)
        tree.partition(name, 3)
    tree.write("/proc/spl/kstat/zfs/rpool/io", "")
    tree.mount("rpool/ROOT/debian", "/", "zfs")


def test_zfs_members_come_from_zpool(tree: TreeBuilder) -> None:
    zfs_host(tree)
    tree.program(["zpool", "list", "-vHPL"], ZPOOL)
    needs = needs_of(tree)
    assert said(needs) == {
        "0000:01:00.0": ["/", "ZFS pool rpool"],
        "0000:02:00.0": ["/", "ZFS pool rpool"],
    }
    assert needs.unresolved == ()


def test_zfs_without_zpool_is_unresolved(tree: TreeBuilder) -> None:
    zfs_host(tree)
    assert {item.what for item in needs_of(tree).unresolved} == {"/", "ZFS pool rpool"}


def test_mounts_whose_device_nobody_knows(tree: TreeBuilder) -> None:
    tree.mount("/dev/nbd0", "/", "ext4")
    needs = needs_of(tree)
    assert [(u.area, u.what) for u in needs.unresolved] == [("storage", "/")]


def test_no_mount_table_is_unresolved(tree: TreeBuilder) -> None:
    assert [u.what for u in needs_of(tree).unresolved] == ["/"]


def test_overlay_root(tree: TreeBuilder) -> None:
    (a,) = controllers(tree, "0000:00:17.0")
    tree.disk("sda", a)
    tree.mount("sda", "/run/media", "iso9660")
    tree.mount("overlay", "/", "overlay", "rw,lowerdir=/run/media/fs,upperdir=/run/media/rw")
    needs = needs_of(tree)
    assert said(needs)["0000:00:17.0"] == ["/", "/run/media"]
    assert needs.unresolved == ()
    tree.mounts.pop()
    tree.mount("overlay", "/", "overlay", "rw,lowerdir=/lower,upperdir=/upper")
    assert [u.what for u in needs_of(tree).unresolved] == ["/"]


def test_pseudo_and_container_mounts_use_nothing(tree: TreeBuilder) -> None:
    tree.mount("tmpfs", "/", "tmpfs")
    tree.mount("lxcfs", "/var/lib/lxcfs", "fuse.lxcfs")
    tree.mount("overlay", "/var/lib/docker/overlay2/x/merged", "overlay", "rw,lowerdir=l/A:l/B")
    needs = needs_of(tree)
    assert (said(needs), needs.unresolved) == ({}, ())


def test_fstab_crypttab_and_boot_partition(tree: TreeBuilder) -> None:
    a, b, c = controllers(tree, "0000:00:17.0", "0000:00:18.0", "0000:00:19.0")
    for disk, path in (("sda", a), ("sdb", b), ("sdc", c)):
        tree.disk(disk, path)
        tree.partition(disk, 1)
    tree.mount("sda1", "/")
    tree.link("/dev/disk/by-uuid/AAAA-BBBB", "/dev/sdb1")
    tree.link("/dev/disk/by-partuuid/4c4c4544-0001", "/dev/sdc1")
    tree.write(
        "/etc/fstab",
        "# x\n/dev/sda1 / ext4 defaults 0 1\nUUID=aaaa-bbbb /backup\\0401 ext4 nofail 0 2\n"
        "UUID=gone /media/x ext4 nofail\nLABEL=x /mnt/y auto noauto\nproc /proc2 proc\n",
    )
    tree.write("/etc/crypttab", "vault UUID=AAAA-BBBB none luks\n")
    uuid = "LoaderDevicePartUUID-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
    data = b"\x06\0\0\0" + "4C4C4544-0001\0".encode("utf-16-le")
    tree.write(f"/sys/firmware/efi/efivars/{uuid}", data)
    needs = needs_of(tree)
    assert said(needs) == {
        "0000:00:17.0": ["/"],
        "0000:00:18.0": ["vault (crypttab, not open)", "/backup 1 (fstab, not mounted)"],
        "0000:00:19.0": ["boot partition (ESP)"],
    }
    assert needs.unresolved == ()


def test_fstab_without_udev_links_is_unresolved(tree: TreeBuilder) -> None:
    (a,) = controllers(tree, "0000:00:17.0")
    tree.mount(tree.disk("sda", a), "/")
    tree.write("/etc/fstab", "UUID=1234 /data ext4 defaults\n")
    assert [u.what for u in needs_of(tree).unresolved] == ["/data (fstab, not mounted)"]


def test_bios_boot_disk(tree: TreeBuilder) -> None:
    (a,) = controllers(tree, "0000:00:17.0")
    tree.mount("tmpfs", "/", "tmpfs")
    tree.link("/sys/firmware/edd/int13_dev80/pci_dev", a)
    assert said(needs_of(tree)) == {"0000:00:17.0": ["boot partition (BIOS disk 80h)"]}


def test_held_but_not_mounted_is_not_critical(tree: TreeBuilder) -> None:
    (a,) = controllers(tree, "0000:00:17.0")
    tree.mount("tmpfs", "/", "tmpfs")
    tree.stacked("dm-0", tree.disk("sda", a), dm="guest-lv")
    needs = needs_of(tree)
    address = PciAddress.parse("0000:00:17.0")
    assert needs.of(address, critical=True) == ()
    assert [str(u) for u in needs.of(address, critical=False)] == ["held by guest-lv"]


def test_external_journal_and_log(tree: TreeBuilder) -> None:
    a, b, c = controllers(tree, "0000:00:17.0", "0000:00:18.0", "0000:00:19.0")
    tree.mount(tree.disk("sda", a), "/", "xfs", "rw,logdev=/dev/sdb,noquota")
    tree.disk("sdb", b)
    tree.disk("sdc", c)
    tree.mkdir("/proc/fs/jbd2/sdc")
    tree.mkdir("/proc/fs/jbd2/sda-8")
    found = said(needs_of(tree))
    assert found["0000:00:18.0"] == ["/"]
    assert found["0000:00:19.0"] == ["journal of sdc"]


def test_recordings_with_sys_block_only(tree: TreeBuilder) -> None:
    (a,) = controllers(tree, "0000:00:17.0")
    disk = f"{a}/ata1/host0/target0:0:0/0:0:0:0/block/sda"
    tree.write(f"{disk}/dev", "8:0\n")
    tree.write(f"{disk}/sda1/dev", "8:1\n")
    tree.write(f"{disk}/sda1/partition", "1\n")
    tree.link("/sys/block/sda", disk)
    tree.numbers["sda1"] = "8:1"
    tree.mount("sda1", "/")
    assert said(needs_of(tree)) == {"0000:00:17.0": ["/"]}


# --- the person at the machine -----------------------------------------------------------------

KEYBOARD = (
    'I: Bus=0003 Vendor=046d Product=c31c Version=0110\nN: Name="Logitech Keyboard"\n'
    "P: Phys=usb-0000:00:14.0-1/input0\nS: Sysfs={path}/input/input5\nU: Uniq=\n"
    "H: Handlers=sysrq kbd event3 leds\nB: PROP=0\nB: EV=120013\n"
    "B: KEY=1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe\nB: MSC=10\n\n"
)
BUTTON = (
    'I: Bus=0019 Vendor=0000 Product=0001 Version=0000\nN: Name="Power Button"\n'
    "S: Sysfs=/devices/LNXSYSTM:00/LNXPWRBN:00/input/input0\nH: Handlers=kbd event0\n"
    "B: EV=3\nB: KEY=10000000000000 0\n\n"
)


def test_keyboards_displays_and_consoles(tree: TreeBuilder) -> None:
    tree.mount("tmpfs", "/", "tmpfs")
    gpu = tree.function("0000:01:00.0", driver="nvidia", boot_vga="1")
    tree.write(f"{gpu}/drm/card1/dev", "226:1\n")
    for name, status, enabled in (("HDMI-A-1", "connected", "enabled"), ("DP-1", "x", "disabled")):
        home = f"{gpu}/drm/card1/card1-{name}"
        tree.write(f"{home}/status", status + "\n")
        tree.write(f"{home}/enabled", enabled + "\n")
        tree.link(f"/sys/class/drm/card1-{name}", home)
    tree.link("/sys/class/drm/card1", f"{gpu}/drm/card1")
    tree.link("/sys/bus/pci/drivers/nvidia/module", "/sys/module/nvidia")
    tree.write("/sys/module/nvidia/refcnt", "5\n")
    tree.mkdir("/sys/module/nvidia/holders/nvidia_modeset")
    usb = tree.function("0000:00:14.0", "0x0c0330", "8086:a12f", driver="xhci_hcd")
    path = f"{usb.removeprefix('/sys')}/usb1/1-1/1-1:1.0"
    tree.write("/proc/bus/input/devices", BUTTON + KEYBOARD.format(path=path))
    uart = tree.function("0000:07:00.0", "0x070002", "1415:9501", driver="serial")
    tree.link("/sys/class/tty/ttyS4", f"{uart}/tty/ttyS4")
    tree.mkdir(f"{uart}/tty/ttyS4")
    tree.write("/proc/consoles", "ttyS4 -W- (EC p a) 4:68\ntty0 -WU (E p ) 4:1\n")
    tree.write("/sys/devices/platform/efi-framebuffer.0/graphics/fb0/name", "EFI VGA\n")
    fb = "/sys/devices/platform/efi-framebuffer.0/graphics/fb0"
    tree.link("/sys/class/graphics/fb0", fb)
    needs = needs_of(tree)
    assert said(needs) == {
        "0000:00:14.0": ["keyboard (Logitech Keyboard)"],
        "0000:01:00.0": [
            "boot display",
            "active display card1-HDMI-A-1",
            "its driver is in use (4 references)",
        ],
        "0000:07:00.0": ["console ttyS4"],
    }
    seat = needs.seat
    assert [(i.name, [str(f) for f in i.functions]) for i in seat.inputs] == [
        ("Logitech Keyboard", ["0000:00:14.0"])
    ]
    (display,) = seat.displays
    assert (display.connected, display.active, display.users) == (
        ("card1-HDMI-A-1",),
        ("card1-HDMI-A-1",),
        4,
    )
    assert seat.serial == ("ttyS4",)
    assert seat.framebuffers[0].firmware
