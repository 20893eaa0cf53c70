"""Room on the boot partition: refused before the first write, and only when one is due."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.bootloader import Bootloader, backend
from backends.bootloader.state import BootWish
from backends.initramfs import observe_initramfs
from backends.reader import FileStat, TreeReader
from reconciler.context import ArgWish, Context, Wishes
from reconciler.observe import observe
from reconciler.ownership import Owned
from reconciler.resources import own_paths
from reconciler.resources.boot import RESOURCE
from specs.spec import HostSpec
from tests.simulator import esp, grub2, hosts
from tests.simulator.tree import TreeBuilder

WISH = BootWish(("iommu=pt",))


class Nearly(TreeReader):
    """A host with so much room left, and files of such a size."""

    def __init__(self, root: Path, room: int, size: int | None = None) -> None:
        super().__init__(root)
        self.room = room
        self.size = size

    def free_bytes(self, path: str) -> int | None:
        """The same everywhere."""
        return self.room

    def stat(self, path: str) -> FileStat | None:
        """With the size that was said."""
        found = super().stat(path)
        if found is None or self.size is None:
            return found
        values = {name: getattr(found, name) for name in FileStat.__struct_fields__}
        return FileStat(**{**values, "size": self.size})


def codes(loader: Bootloader, reader: TreeReader) -> list[tuple[str, bool]]:
    """What stands against one more argument."""
    state = loader.read(reader, ())
    return [(p.code, p.refuse) for p in loader.edit(state, WISH).problems]


@pytest.mark.parametrize(("room", "full"), [(300 << 10, False), (200 << 10, True)])
def test_a_grub_cfg_is_made_beside_the_old_one(tmp_path: Path, room: int, full: bool) -> None:
    hosts.debian(TreeBuilder(tmp_path), "h", grub2.ID)
    found = codes(backend("grub-mkconfig"), Nearly(tmp_path, room))
    assert found == ([("esp-full", True)] if full else [])


@pytest.mark.parametrize(("room", "full"), [(61 << 20, False), (59 << 20, True)])
def test_a_unified_image_is_built_beside_the_old_one(tmp_path: Path, room: int, full: bool) -> None:
    tree = TreeBuilder(tmp_path)
    esp.systemd_boot(tree)
    esp.image(tree, esp.LINE)
    found = codes(backend("systemd-boot"), Nearly(tmp_path, room, 60 << 20))
    assert ("esp-full", True) in found if full else not found


@pytest.mark.parametrize(("room", "full"), [(61 << 20, False), (59 << 20, True)])
def test_an_initramfs_is_made_beside_the_old_one(tmp_path: Path, room: int, full: bool) -> None:
    hosts.debian(TreeBuilder(tmp_path), "h", grub2.ID)
    state = observe_initramfs(Nearly(tmp_path, room, 60 << 20))
    assert bool(state.lacks_room) is full
    assert state.lacks_room.startswith("/boot has" if full else "")


def test_another_tools_command_comes_with_the_arguments(tmp_path: Path) -> None:
    tree = hosts.build("amd-workstation", tmp_path)
    tree.write("/run/ostree-booted", "")
    spec = HostSpec.model_validate({"version": 1, "boot": {"kernel_args": ["a=1", "b"]}})
    state = observe(TreeReader(tmp_path), own_paths())
    ctx = Context(spec, state, Owned(), "/s.toml", "/")
    wishes = Wishes(args=(ArgWish("a=1", "boot"), ArgWish("b", "boot")))
    (finding,) = RESOURCE.plan(ctx, wishes).findings
    assert finding.hint == (
        "run rpm-ostree kargs with --append-if-missing= for each of: a=1 b "
        "(bootc: a file in /usr/lib/bootc/kargs.d of the image)"
    )
