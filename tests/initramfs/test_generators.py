"""Which generator is in use, what it gets from us, and how it is run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from backends.host import Host
from backends.initramfs import UNKNOWN, generator, observe_initramfs, own_paths
from backends.initramfs.state import Contents, InitramfsState
from backends.inverse import in_order, inverse
from backends.steps import RenameFile, Run, Step, WriteFile
from tests.simulator.tree import TreeBuilder

KERNEL = "6.12.1-amd64"
MACHINE = "0123456789abcdef0123456789abcdef"
PRESET = """\
# mkinitcpio preset file
#ALL_config="/etc/mkinitcpio.conf"
ALL_kver="/boot/vmlinuz-linux"
PRESETS=('default' 'fallback')
default_image="/boot/initramfs-linux.img"
fallback_image="/boot/initramfs-linux-fallback.img"
fallback_options="-S autodetect"
"""


@pytest.fixture
def tree(tmp_path: Path) -> TreeBuilder:
    """A host with one kernel and no generator."""
    tree = TreeBuilder(tmp_path)
    tree.write(f"/lib/modules/{KERNEL}/modules.builtin", "kernel/fs/ext4/ext4.ko\n")
    return tree


def _debian(tree: TreeBuilder) -> None:
    tree.write("/usr/sbin/update-initramfs", "mkinitramfs ...\n")
    tree.mkdir("/etc/initramfs-tools")
    tree.write(f"/boot/initrd.img-{KERNEL}", "x")


def _dracut(tree: TreeBuilder, image: str = f"/boot/initramfs-{KERNEL}.img") -> None:
    tree.write("/usr/bin/dracut", "")
    tree.write(image, "x")


def _arch(tree: TreeBuilder, preset: str = PRESET) -> None:
    tree.write("/usr/bin/mkinitcpio", "")
    tree.write("/etc/mkinitcpio.d/linux.preset", preset)
    tree.write("/boot/initramfs-linux.img", "x")
    tree.write("/boot/initramfs-linux-fallback.img", "x")


def _observe(tree: TreeBuilder, *inputs: str) -> InitramfsState:
    return observe_initramfs(tree.reader(), inputs)


def _steps(state: InitramfsState, contents: Contents | None = None) -> tuple[Step, ...]:
    return generator(state.generator).regenerate(state, contents or Contents())


def _argv(step: Step) -> str:
    return " ".join(step.argv) if isinstance(step, Run) else step.preview()


def test_a_host_without_any(tree: TreeBuilder) -> None:
    assert _observe(tree) == InitramfsState(UNKNOWN, ())


def test_booster_is_named(tree: TreeBuilder) -> None:
    tree.write("/usr/bin/booster", "")
    assert "modules_force_load: vfio-pci" in _observe(tree).blocked


def test_initramfs_tools(tree: TreeBuilder) -> None:
    _debian(tree)
    tree.write(f"/boot/initrd.img-{KERNEL}.bak", "x")
    state = _observe(tree)
    assert (state.generator, state.images) == ("initramfs-tools", (f"/boot/initrd.img-{KERNEL}",))
    assert [_argv(s) for s in _steps(state)] == [
        "update-initramfs -u -k all",
        f"lsinitramfs /boot/initrd.img-{KERNEL}",
    ]


@pytest.mark.parametrize("line", ["update_initramfs=no", 'update_initramfs="no"'])
def test_update_initramfs_may_be_switched_off(tree: TreeBuilder, line: str) -> None:
    _debian(tree)
    tree.write("/etc/initramfs-tools/update-initramfs.conf", f"# x\n{line}\n")
    assert "update_initramfs=no" in _observe(tree).blocked


def test_a_stand_in_for_update_initramfs_is_not_initramfs_tools(tree: TreeBuilder) -> None:
    _debian(tree)
    tree.write("/usr/sbin/update-initramfs", "#!/bin/sh\nexec dracut ...\n")
    _dracut(tree, f"/boot/initrd.img-{KERNEL}")
    assert _observe(tree).generator == "dracut"


def test_of_two_generators_kernel_installs_choice_counts(tree: TreeBuilder) -> None:
    _arch(tree)
    _dracut(tree)
    assert "dracut and mkinitcpio are both in use" in _observe(tree).blocked
    tree.write("/etc/kernel/install.conf", "layout=bls\ninitrd_generator=mkinitcpio\n")
    assert _observe(tree).generator == "mkinitcpio"


@pytest.mark.parametrize(
    "image",
    [
        f"/efi/{MACHINE}/{KERNEL}/initrd",
        f"/boot/{MACHINE}/{KERNEL}/initrd",
        f"/lib/modules/{KERNEL}/initrd",
        f"/boot/initrd-{KERNEL}",
        f"/boot/initrd.img-{KERNEL}",
        f"/boot/initramfs-{KERNEL}.img",
    ],
)
def test_dracut_images_are_made_aside_and_looked_into(tree: TreeBuilder, image: str) -> None:
    tree.write("/etc/machine-id", MACHINE + "\n")
    _dracut(tree, image)
    tree.write("/boot/initramfs-0-rescue-0123.img", "x")
    state = _observe(tree)
    assert (state.generator, state.images) == ("dracut", (image,))
    run, look, rename = _steps(state, Contents(("vfio-pci",), ("/etc/modprobe.d/x.conf",)))
    assert _argv(run) == f"dracut --force --kver {KERNEL} {image}.reconcile"
    assert _argv(look) == f"lsinitrd {image}.reconcile"
    assert rename == RenameFile(f"{image}.reconcile", image, again=run.argv)  # type: ignore[union-attr]


def test_undo_makes_images_again_after_every_file_is_back(tree: TreeBuilder) -> None:
    _dracut(tree)
    (tree.root / "etc").mkdir()
    host = Host(tree.root)
    steps = [WriteFile("/etc/ours", b"x"), *_steps(_observe(tree))]
    undo = in_order([inverse(host, step) for step in steps])
    image = f"/boot/initramfs-{KERNEL}.img"
    assert [step.preview() for step in undo] == [
        f"remove {image}.reconcile",
        "remove /etc/ours",
        f"dracut --force --kver {KERNEL} {image}.reconcile",
        f"rename {image}.reconcile to {image}",
    ]


def test_dracut_runs_in_place_where_a_boot_loaders_hooks_want_the_name(tree: TreeBuilder) -> None:
    _dracut(tree)
    tree.write("/etc/initramfs/post-update.d/systemd-boot", "")
    assert _argv(_steps(_observe(tree))[0]) == "dracut --force --regenerate-all"


def test_dracut_gets_names_with_underscores_and_room_around_them() -> None:
    (file,) = generator("dracut").own_files(["vfio-pci"], ["/etc/modprobe.d/a.conf"], "# us\n")
    assert file.text == (
        '# us\nforce_drivers+=" vfio_pci "\ninstall_items+=" /etc/modprobe.d/a.conf "\n'
    )
    assert file.path.endswith(".conf")


def test_mkinitcpio_images_one_by_one(tree: TreeBuilder) -> None:
    _arch(tree)
    state = _observe(tree)
    runs = [_argv(s) for s in _steps(state) if isinstance(s, Run) and s.argv[0] == "mkinitcpio"]
    assert runs == [
        "mkinitcpio -k /boot/vmlinuz-linux -g /boot/initramfs-linux.img.reconcile",
        "mkinitcpio -k /boot/vmlinuz-linux -S autodetect"
        " -g /boot/initramfs-linux-fallback.img.reconcile",
    ]


def test_mkinitcpio_makes_unified_images_by_their_preset(tree: TreeBuilder) -> None:
    tree.write("/efi/EFI/Linux/arch-linux.efi", "x")
    _arch(tree, PRESET.replace("default_image=", 'default_uki="/efi/EFI/Linux/arch-linux.efi"\n#'))
    state = _observe(tree)
    assert state.images[0] == "/efi/EFI/Linux/arch-linux.efi"
    assert _argv(_steps(state)[0]) == "mkinitcpio -P"


def test_mkinitcpio_presets_that_hide_the_drop_in(tree: TreeBuilder) -> None:
    _arch(tree, PRESET.replace("#ALL_config", "ALL_config"))
    assert "drop-ins are not read" in _observe(tree).blocked


def test_mkinitcpio_gets_our_modules_first() -> None:
    (file,) = generator("mkinitcpio").own_files(["vfio-pci"], ["/etc/modprobe.d/a.conf"], "# us\n")
    assert file.text.splitlines()[1:] == [
        'MODULES=(vfio_pci "${MODULES[@]}")',
        "FILES+=(/etc/modprobe.d/a.conf)",
    ]


def test_an_image_older_than_what_it_must_hold_is_behind(tree: TreeBuilder) -> None:
    _debian(tree)
    ours = "/etc/modprobe.d/reconcile.conf"
    tree.write(ours, "options vfio-pci ids=1:2\n")
    image = f"/boot/initrd.img-{KERNEL}"
    now = os.stat(tree.root / ours.lstrip("/")).st_mtime
    for age, behind in ((0, ()), (1.5, ()), (3, (image,)), (-5, ())):
        os.utime(tree.root / image.lstrip("/"), (now - age, now - age))
        assert _observe(tree, ours).behind == behind
    assert _observe(tree).behind == ()
    assert _observe(tree, "/etc/modprobe.d/none.conf").behind == ()


def test_no_generator_no_files() -> None:
    for name in ("initramfs-tools", "dracut", "mkinitcpio"):
        assert generator(name).own_files([], [], "# us\n") == []
    assert all("reconcile" in path for path in own_paths())
