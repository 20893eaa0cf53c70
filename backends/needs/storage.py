"""What the host keeps on which function: mounts, swap, boot partition, fstab, crypttab, pools.

Sources: proc(5), fstab(5), crypttab(5), zpool-list(8), systemd-boot(7) for LoaderDevicePartUUID,
Documentation/ABI/testing/sysfs-firmware-edd... of the kernel (drivers/firmware/edd.c).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from backends.formats.mountinfo import (
    Mount,
    TableEntry,
    parse_crypttab,
    parse_fstab,
    parse_mountinfo,
    parse_mounts,
    parse_swaps,
)
from backends.needs.blocks import BlockDevices
from backends.needs.carriers import NOTHING, Carriers, Use, carried_by, union, unknown
from backends.needs.network import Network
from backends.reader import Reader

# Without these the host does not come up, or does not stay up.
CRITICAL_MOUNTS = frozenset(
    {"/", "/usr", "/var", "/etc", "/boot", "/boot/efi", "/efi", "/home", "/nix", "/sysroot"}
)
_NETWORK_TYPES = frozenset({"nfs", "nfs4", "cifs", "smb3", "ceph", "afs"})
_MEMORY_TYPES = frozenset({"tmpfs", "ramfs", "rootfs", "proc", "sysfs", "devtmpfs", "devpts"})
_LOADER_PART = "LoaderDevicePartUUID-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
_BY = {"UUID": "uuid", "LABEL": "label", "PARTUUID": "partuuid", "PARTLABEL": "partlabel"}


class Storage:
    """The host's storage, followed down to PCI functions."""

    def __init__(self, reader: Reader, network: Network) -> None:
        self._reader = reader
        self._network = network
        self.mounts = _mount_table(reader)
        # Without a table (a copy of a host's files) what is named elsewhere may be carried by
        # disks, and by nothing that shows none.
        self._area = "storage" if self.mounts else "mounts"
        self._nodev = frozenset(self._nodev_types())
        self._files: dict[str, Carriers] = {}
        self.blocks = BlockDevices(reader, file=self.file, host=network.to_host)
        self._pools = self._read_pools()
        self._btrfs = self._read_btrfs()

    def _nodev_types(self) -> Iterator[str]:
        for line in (self._reader.read_text("/proc/filesystems") or "").splitlines():
            if line.startswith("nodev"):
                yield line.split()[-1]

    # --- what is there ---------------------------------------------------------------------

    def uses(self) -> Iterator[tuple[Use, Carriers]]:
        """Every use with its carriers; unknown carriers are in the latter."""
        if not self.mounts:
            why = "there is no /proc/self/mountinfo and no /proc/mounts"
            yield Use("mount", "/"), self._root_argument() | unknown("mounts", why)
        for mount in _distinct(self.mounts):
            carriers = self.mount(mount)
            # A mounted image lies in a file, whose own filesystem is a mount of this list.
            if carriers.unknown or not self._is_loop(mount):
                yield Use("mount", mount.point), carriers
        yield from self._swap()
        yield from self._boot()
        yield from self._tables()
        yield from ((Use("pool", name), carriers) for name, carriers in self._pools.items())
        yield from self._journals()
        yield from self._held()

    def _root_argument(self) -> Carriers:
        """What ``root=`` of the kernel command line names, where that can be told."""
        words = (self._reader.read_text("/proc/cmdline") or "").split()
        roots = [word.partition("=")[2] for word in words if word.startswith("root=")]
        tag, _, value = roots[-1].partition("=") if roots else ("", "", "")
        if tag in _BY:
            return Carriers(self._tagged(tag, value.strip('"'), missing_ok=True).functions)
        name = self.blocks.by_path(roots[-1]) if tag.startswith("/dev/") else None
        return self.blocks.carriers(name) if name else NOTHING

    def _swap(self) -> Iterator[tuple[Use, Carriers]]:
        for path in parse_swaps(self._reader.read_text("/proc/swaps") or ""):
            yield Use("swap", path), self.path(path)

    def _held(self) -> Iterator[tuple[Use, Carriers]]:
        """Devices that device-mapper or md have claimed, mounted or not."""
        for name in self.blocks.names():
            for holder in self.blocks.holders(name):
                yield Use("held", holder, critical=False), self.blocks.carriers(name)

    def _journals(self) -> Iterator[tuple[Use, Carriers]]:
        """External ext4 journals: an internal one is listed as DEVICE-INODE (fs/jbd2)."""
        for name in self._reader.list("/proc/fs/jbd2"):
            if name in self.blocks:
                yield Use("journal", name), self.blocks.carriers(name)

    def _is_loop(self, mount: Mount) -> bool:
        return (self.blocks.by_number(mount.device) or "").startswith("loop")

    # --- mounts ----------------------------------------------------------------------------

    def mount(self, mount: Mount) -> Carriers:
        """What carries a mounted filesystem."""
        extra = union(map(self._device_path, _extra_devices(mount)))
        if not mount.anonymous:
            return extra | self._numbered(mount)
        return extra | self._anonymous(mount)

    def _numbered(self, mount: Mount) -> Carriers:
        name = self.blocks.by_number(mount.device) or self.blocks.by_path(mount.source)
        if name is None:
            why = f"block device {mount.device} ({mount.source}) is not in sysfs"
            return unknown("storage", why)
        if name.startswith("zd") and self._pools:
            return union(self._pools.values())
        return self.blocks.carriers(name)

    def _anonymous(self, mount: Mount) -> Carriers:
        if mount.fstype == "btrfs":
            return self._btrfs_members(mount.source)
        if mount.fstype == "zfs":
            return self._dataset(mount.source)
        if mount.fstype == "bcachefs":
            return union(self._device_path(part) for part in mount.source.split(":"))
        if mount.fstype in _NETWORK_TYPES:
            return self._remote(mount)
        if mount.fstype in ("9p", "virtiofs"):
            return self._virtio_share(mount)
        if mount.fstype == "overlay":
            return self._overlay(mount)
        return self._other(mount)

    def _other(self, mount: Mount) -> Carriers:
        if mount.source.startswith("/dev/"):
            return self._device_path(mount.source)
        if mount.fstype.startswith("fuse") and mount.point not in CRITICAL_MOUNTS:
            return NOTHING  # a program serves it; what that program needs is mounted itself
        if mount.fstype in _MEMORY_TYPES:
            return NOTHING
        if mount.fstype in self._nodev and not mount.fstype.startswith("fuse"):
            return NOTHING
        why = f"{mount.fstype} on {mount.point} names no device ({mount.source})"
        return unknown("storage", why) if self._nodev or mount.point == "/" else NOTHING

    def _remote(self, mount: Mount) -> Carriers:
        address = mount.option("addr") or mount.source.partition(":")[0]
        return self._network.to_host(address)

    def _virtio_share(self, mount: Mount) -> Carriers:
        """Shares of a hypervisor: any of the virtio functions that serve such shares."""
        base = "/sys/bus/virtio/drivers"
        drivers = [f"{base}/{name}" for name in ("9pnet_virtio", "virtiofs")]
        links = [f"{d}/{n}" for d in drivers for n in self._reader.list(d) if n[:6] == "virtio"]
        return union(carried_by(self._reader.realpath(link)) for link in links)

    def _overlay(self, mount: Mount) -> Carriers:
        """An overlay's layers lie on other mounts; only where the host depends on it do we ask."""
        if mount.point not in CRITICAL_MOUNTS:
            return NOTHING
        layers = (mount.option("lowerdir") or "").replace("\\:", "\0").split(":")
        dirs = [*layers, mount.option("upperdir") or "", mount.option("workdir") or ""]
        paths = [path.replace("\0", ":") for path in dirs if path.startswith("/")]
        if not paths:
            return unknown("storage", f"the overlay on {mount.point} names no layer")
        return union(self._layer(path, mount) for path in paths)

    def _layer(self, path: str, overlay: Mount) -> Carriers:
        below = self._mount_of(path)
        if below is None or below.point == overlay.point:
            return unknown("storage", f"layer {path} of the overlay on {overlay.point} is hidden")
        return self.mount(below)

    # --- names of devices and files -----------------------------------------------------------

    def path(self, path: str) -> Carriers:
        """What carries a block device or a file's contents."""
        return self._device_path(path) if path.startswith("/dev/") else self.file(path)

    def _device_path(self, path: str) -> Carriers:
        name = self.blocks.by_path(path)
        if name is None:
            return unknown(self._area, f"{path} leads to no block device")
        return self.blocks.carriers(name)

    def file(self, path: str) -> Carriers:
        """What carries the filesystem that holds ``path``."""
        mount = self._mount_of(path)
        if mount is None:
            return unknown("storage", f"no mount holds {path or 'a file without a name'}")
        if mount.point not in self._files:
            self._files[mount.point] = NOTHING
            self._files[mount.point] = self.mount(mount)
        return self._files[mount.point]

    def _mount_of(self, path: str) -> Mount | None:
        best: Mount | None = None
        for mount in self.mounts:
            inside = path == mount.point or path.startswith(mount.point.rstrip("/") + "/")
            # Of two mounts on one point, the later hides the earlier.
            if inside and (best is None or len(mount.point) >= len(best.point)):
                best = mount
        return best

    # --- btrfs and ZFS ------------------------------------------------------------------------

    def _read_btrfs(self) -> tuple[tuple[str, ...], ...]:
        base = "/sys/fs/btrfs"
        found = (self._reader.list(f"{base}/{name}/devices") for name in self._reader.list(base))
        return tuple(members for members in found if members)

    def _btrfs_members(self, source: str) -> Carriers:
        """All member devices of the filesystem that ``source`` is a member of."""
        name = self.blocks.by_path(source) or source.rsplit("/", 1)[-1]
        for members in self._btrfs:
            if name in members:
                return union(map(self.blocks.carriers, members))
        return unknown("storage", f"btrfs does not list the members of {source}")

    def _read_pools(self) -> dict[str, Carriers]:
        base = "/proc/spl/kstat/zfs"
        names = [n for n in self._reader.list(base) if self._reader.list(f"{base}/{n}")]
        if not names:
            return {}
        done = self._reader.output(["zpool", "list", "-vHPL"])
        listed = _pool_members(done.out) if done is not None and done.rc == 0 else {}
        return {name: self._pool(name, listed.get(name, ())) for name in names}

    def _pool(self, name: str, members: Iterable[str]) -> Carriers:
        found = [self.path(member) for member in members]
        return union(found) if found else unknown("storage", f"zpool does not list pool {name}")

    def _dataset(self, source: str) -> Carriers:
        pool = source.partition("/")[0]
        return self._pools.get(pool) or unknown("storage", f"ZFS pool {pool} is not known")

    # --- boot partition, fstab, crypttab ----------------------------------------------------

    def _boot(self) -> Iterator[tuple[Use, Carriers]]:
        """The ESP this boot came from; on BIOS, the disk that EDD calls the first one."""
        data = self._reader.read_bytes(f"/sys/firmware/efi/efivars/{_LOADER_PART}", optional=True)
        if data is not None:
            # Four bytes of attributes, then UTF-16: Documentation/filesystems/efivarfs.rst.
            uuid = data[4:].decode("utf-16-le", "replace").rstrip("\0").lower()
            yield Use("boot", "ESP"), self._tagged("PARTUUID", uuid, missing_ok=False)
        pci = "/sys/firmware/edd/int13_dev80/pci_dev"
        if self._reader.readlink(pci) is not None:
            yield Use("boot", "BIOS disk 80h"), carried_by(self._reader.realpath(pci))

    def _tables(self) -> Iterator[tuple[Use, Carriers]]:
        mounted = {mount.point for mount in self.mounts if mount.fstype != "autofs"}
        fstab = self._reader.read_text("/etc/fstab") or ""
        for entry in parse_fstab(fstab):
            if entry.kind != "swap" and entry.target not in mounted and _automatic(entry):
                yield Use("fstab", entry.target), self._entry(entry)
        crypttab = self._reader.read_text("/etc/crypttab", optional=True) or ""
        for entry in parse_crypttab(crypttab):
            if entry.target not in self.blocks.mapped:
                yield Use("crypttab", entry.target), self._entry(entry)

    def _entry(self, entry: TableEntry) -> Carriers:
        tag, _, value = entry.source.partition("=")
        if tag in _BY:
            return self._tagged(tag, value, missing_ok=True)
        if not entry.source.startswith("/dev/"):
            return NOTHING  # a pseudo, network or file source: nothing is attached for it now
        name = self.blocks.by_path(entry.source)
        return self.blocks.carriers(name) if name else NOTHING

    def _tagged(self, tag: str, value: str, *, missing_ok: bool) -> Carriers:
        """The device that udev knows under a tag. A disk that is not there uses nothing, but
        without udev's links nobody can tell."""
        directory = f"/dev/disk/by-{_BY[tag]}"
        value = value if tag in ("LABEL", "PARTLABEL") else value.lower()
        for name in self._reader.list(directory):
            if name == _udev_name(value) or name.lower() == value:
                return self._device_path(f"{directory}/{name}")
        if missing_ok and self._reader.list("/dev/disk"):
            return NOTHING
        return unknown(self._area, f"{tag}={value} is not in {directory}")


def _mount_table(reader: Reader) -> tuple[Mount, ...]:
    """Of this process; /proc/mounts, which says less, where a copy has only that."""
    found = parse_mountinfo(reader.read_text("/proc/self/mountinfo") or "")
    return found or parse_mounts(reader.read_text("/proc/mounts") or "")


def _distinct(mounts: tuple[Mount, ...]) -> Iterator[Mount]:
    """Bind mounts of parts of a filesystem that is mounted whole say nothing new."""
    whole = {m.device for m in mounts if m.root == "/"}
    return (m for m in mounts if m.root == "/" or m.anonymous or m.device not in whole)


def _extra_devices(mount: Mount) -> list[str]:
    """External logs and real-time devices: xfs(5) logdev, rtdev."""
    found = (mount.option(name) for name in ("logdev", "rtdev"))
    return [path for path in found if path and path.startswith("/dev/")]


def _automatic(entry: TableEntry) -> bool:
    return "noauto" not in entry.options and entry.target.startswith("/")


def _udev_name(text: str) -> str:
    r"""udev writes what is not allowed in a file name as \xHH: systemd's encode_devnode_name."""
    keep = "#+-.:=@_"
    safe = (c if c.isalnum() or c in keep or ord(c) > 127 else f"\\x{ord(c):02x}" for c in text)
    return "".join(safe)


def _pool_members(text: str) -> dict[str, list[str]]:
    """Device paths by pool from ``zpool list -vHPL``: members are the lines that begin with /."""
    out: dict[str, list[str]] = {}
    pool = ""
    for line in text.splitlines():
        words = line.split()
        if not line.startswith("\t") and words:
            pool = words[0]
            out[pool] = []
        elif words and words[0].startswith("/") and pool:
            out[pool].append(words[0])
    return out
