"""Stacks built for real on this machine, and taken down again.

What its kernel lacks (device-mapper, md, bonding, VLAN) recorded trees and the lab cover.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from backends.needs.network import Network
from backends.needs.storage import Storage
from backends.pci import observe_pci
from backends.reader import TreeReader

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(
        os.geteuid() != 0 and not os.environ.get("CI"), reason="changes the kernel's state: root"
    ),
]


def run(*argv: str) -> str:
    """Standard output of a program that must succeed."""
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Undoes what a test has set up, last first, whatever happens."""
    with ExitStack() as undo:
        yield undo


def loop_on(stack: ExitStack, file: Path, megabytes: int = 128) -> str:
    """A loop device on a new file."""
    with file.open("wb") as f:
        f.truncate(megabytes << 20)
    device = run("losetup", "--find", "--show", str(file))
    stack.callback(run, "losetup", "--detach", device)
    return device


def storage() -> Storage:
    """This machine as it is now."""
    reader = TreeReader("/")
    return Storage(reader, Network(reader, observe_pci(reader)))


def mounted(point: Path) -> Storage:
    """The state with ``point`` mounted, which must be in the table."""
    found = storage()
    assert any(mount.point == str(point) for mount in found.mounts)
    return found


def test_the_root_file_system_is_resolved() -> None:
    found = storage()
    carriers = found.file("/etc/fstab")
    assert carriers.unknown == ()
    root = next(m for m in found.mounts if m.point == "/")
    if not root.anonymous:
        path = os.path.realpath(f"/sys/dev/block/{root.device}")
        assert all(str(address) in path for address in carriers.functions)


def test_a_loop_mount_is_carried_by_what_carries_its_file(tmp_path: Path, stack: ExitStack) -> None:
    device = loop_on(stack, tmp_path / "disk image with space")
    run("mkfs.ext4", "-q", device)
    point = tmp_path / "mount point"
    point.mkdir()
    run("mount", device, str(point))
    stack.callback(run, "umount", str(point))
    found = mounted(point)
    mount = next(m for m in found.mounts if m.point == str(point))
    assert found.mount(mount) == found.file(str(tmp_path))


@pytest.mark.skipif(not shutil.which("mkfs.btrfs") and not os.environ.get("CI"), reason="no btrfs")
def test_btrfs_on_two_devices(tmp_path: Path, stack: ExitStack) -> None:
    first = loop_on(stack, tmp_path / "a", 256)
    second = loop_on(stack, tmp_path / "b", 256)
    run("mkfs.btrfs", "-q", "-d", "raid1", "-m", "raid1", first, second)
    point = tmp_path / "btrfs"
    point.mkdir()
    run("btrfs", "device", "scan", first, second)
    run("mount", first, str(point))
    stack.callback(run, "umount", str(point))
    found = mounted(point)
    mount = next(m for m in found.mounts if m.point == str(point))
    assert mount.anonymous
    assert found.mount(mount) == found.file(str(tmp_path))
    names = {first.rsplit("/", 1)[-1], second.rsplit("/", 1)[-1]}
    members = TreeReader("/").list("/sys/fs/btrfs")
    listed = [set(TreeReader("/").list(f"/sys/fs/btrfs/{m}/devices")) for m in members]
    assert names in listed


def test_a_bridge_on_a_macvlan_leads_to_the_real_interface(stack: ExitStack) -> None:
    before = Network(TreeReader("/"), observe_pci(TreeReader("/")))
    (real,) = before.default_interfaces()[:1]
    run("ip", "link", "add", "link", real, "name", "rcmv0", "type", "macvlan")
    stack.callback(run, "ip", "link", "delete", "rcmv0")
    run("ip", "link", "add", "rcbr0", "type", "bridge")
    stack.callback(run, "ip", "link", "delete", "rcbr0")
    run("ip", "link", "add", "rcve0", "type", "veth", "peer", "name", "rcve1")
    stack.callback(run, "ip", "link", "delete", "rcve0")
    for port in ("rcmv0", "rcve0"):
        run("ip", "link", "set", port, "master", "rcbr0")
    after = Network(TreeReader("/"), observe_pci(TreeReader("/")))
    assert after.carriers("rcbr0") == after.carriers("rcmv0") == before.carriers(real)
    assert after.carriers("rcve1").unknown


def test_routes_and_addresses_agree_with_iproute2() -> None:
    reader = TreeReader("/")
    network = Network(reader, observe_pci(reader))
    default = run("ip", "-o", "route", "show", "default")
    assert {line.split()[4] for line in default.splitlines()} <= set(network.default_interfaces())
    own = {word.split()[3].split("/")[0] for word in run("ip", "-o", "addr").splitlines()}
    assert {str(address) for _, address in network.addresses} <= own
    assert network.addresses
