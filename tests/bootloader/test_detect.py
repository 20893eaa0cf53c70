"""Which boot loader a host has, and which hosts belong to another tool (recorded trees)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from backends.bootloader import backend
from backends.bootloader.detect import observe_boot
from backends.bootloader.state import BootState, BootWish
from backends.reader import TreeReader
from backends.steps import Run
from tests.simulator import esp, grub2, hosts
from tests.simulator.tree import TreeBuilder


@pytest.fixture
def tree(tmp_path: Path) -> TreeBuilder:
    """An empty host."""
    return TreeBuilder(tmp_path)


def observed(tree: TreeBuilder, loader: str = "auto") -> BootState:
    """What is told of it."""
    return observe_boot(TreeReader(tree.root), loader)


def debian(tree: TreeBuilder) -> None:
    """Debian with GRUB."""
    hosts.debian(tree, "h", grub2.ID)


def sdboot(tree: TreeBuilder) -> None:
    """systemd-boot with an entry."""
    esp.systemd_boot(tree)
    esp.entry(tree, "x.conf")


def says(tree: TreeBuilder, who: str) -> None:
    """What the loader that ran left in LoaderInfo."""
    tree.write(esp.LOADER_INFO, grub2.efi_variable(who))


@pytest.mark.parametrize(
    ("present", "info", "loader"),
    [
        ((debian,), None, "grub-mkconfig"),
        ((grub2.suse,), None, "grub2"),
        ((grub2.suse, debian), None, "grub-mkconfig"),
        ((grub2.fedora, debian), "GRUB 2.14", "grub2"),
        ((debian, sdboot), "systemd-boot 257", "systemd-boot"),
        ((sdboot, debian), "GRUB 2.12", "grub-mkconfig"),
        ((grub2.fedora, sdboot), "systemd-boot 255", "systemd-boot"),
    ],
)
def test_what_booted_this_kernel_beats_what_lies_there(
    tree: TreeBuilder,
    present: tuple[Callable[[TreeBuilder], None], ...],
    info: str | None,
    loader: str,
) -> None:
    for build in present:
        build(tree)
    if info:
        says(tree, info)
    state = observed(tree)
    assert (state.loader, state.problems) == (loader, ())


def test_loader_info_and_the_command_line_disagree(tree: TreeBuilder) -> None:
    sdboot(tree)
    debian(tree)
    says(tree, "systemd-boot 252")
    (problem,) = observed(tree).problems
    assert (problem.code, problem.refuse) == ("bootloader-unsupported", True)
    assert not observed(tree, "grub-mkconfig").problems


Change = Callable[[TreeBuilder], None]


def _writes(*files: tuple[str, str]) -> Change:
    def write(tree: TreeBuilder) -> None:
        for path, text in files:
            tree.write(path, text)

    return write


_SDBOOTUTIL = ("/usr/bin/sdbootutil", "")


@pytest.mark.parametrize(
    ("change", "command"),
    [
        (_writes(("/run/systemd/container", "docker")), "run it on the host"),
        (_writes(("/run/ostree-booted", "")), "rpm-ostree kargs"),
        (_writes(("/etc/os-release", "ID=nixos\n")), "nixos-rebuild boot"),
        (_writes(("/etc/kernel/proxmox-boot-uuids", "A-B\n")), "install proxmox-boot-tool"),
        (_writes(("/etc/sysconfig/bootloader", "LOADER_TYPE=none\n")), "set it to the loader"),
        (_writes(("/run/mnt/ubuntu-boot/x", "")), "snap set system"),
        (_writes(("/proc/xen/capabilities", "control_d\n")), "GRUB_CMDLINE_XEN_DEFAULT"),
        (
            _writes(
                ("/usr/sbin/transactional-update", ""),
                ("/proc/self/mounts", "/dev/vda / btrfs ro,relatime 0 0\n"),
            ),
            "transactional-update shell",
        ),
    ],
)
def test_what_belongs_to_another_tool_is_refused_with_its_command(
    tree: TreeBuilder, change: Change, command: str
) -> None:
    debian(tree)
    change(tree)
    (problem,) = observed(tree).problems
    assert (problem.code, problem.refuse) == ("bootloader-unsupported", True)
    assert command in problem.hint


@pytest.mark.parametrize("kind", ["grub2", "grub2-efi"])
def test_opensuse_that_generates_is_not_sdbootutils(tree: TreeBuilder, kind: str) -> None:
    grub2.suse(tree)
    _writes(_SDBOOTUTIL, ("/etc/sysconfig/bootloader", f'LOADER_TYPE="{kind}"\n'))(tree)
    assert not observed(tree).problems


def test_xen_entries_whose_arguments_are_replaced_are_refused(tree: TreeBuilder) -> None:
    debian(tree)
    path = tree.root / "boot/grub/grub.cfg"
    path.write_text(
        path.read_text() + "### BEGIN /etc/grub.d/20_linux_xen ###\n"
        "menuentry 'Debian GNU/Linux, with Xen hypervisor' {\n"
        "\tmultiboot2 /boot/xen.gz placeholder iommu=on\n"
        "\tmodule2 /boot/vmlinuz-6 placeholder root=x quiet\n\tmodule2 /boot/initrd-6\n}\n"
        "### END /etc/grub.d/20_linux_xen ###\n"
    )
    assert not observed(tree).problems
    assert observed(tree).normal()[-1].args == ("root=x", "quiet")
    tree.write("/etc/default/grub", 'GRUB_CMDLINE_LINUX_XEN_REPLACE_DEFAULT="quiet"\n')
    (problem,) = observed(tree).problems
    assert problem.refuse
    assert "XEN_REPLACE_DEFAULT" in problem.message


def test_update_grub_makes_it_where_nothing_else_does(tree: TreeBuilder) -> None:
    debian(tree)
    (tree.root / "usr/sbin/grub-mkconfig").unlink()
    found = observed(tree)
    assert found.loader == "unknown"
    assert "but grub-mkconfig, which makes it, is not" in found.problems[0].message
    tree.write("/usr/sbin/update-grub", 'exec grub-mkconfig -o /boot/grub/grub.cfg "$@"\n')
    found = observed(tree)
    assert (found.loader, found.problems) == ("grub-mkconfig", ())
    make, *_ = backend(found.loader).edit(found, BootWish(("a=1",))).regenerate
    assert isinstance(make, Run)
    assert make.argv == ("update-grub", "-o", "/boot/grub/grub.cfg.reconcile")


def test_entries_on_the_extended_boot_partition(tree: TreeBuilder) -> None:
    """The loader is on the ESP, nothing else is, and no variable of the firmware tells."""
    esp.systemd_boot(tree, esp="/efi")
    path = esp.entry(tree, "x.conf", esp="/boot")
    (tree.root / esp.LOADER_INFO.lstrip("/")).unlink()
    state = observed(tree)
    assert (state.loader, state.problems) == ("systemd-boot", ())
    assert [e.source for e in state.normal()] == [path]


def test_entries_that_grub_reads_are_not_those_of_a_loader_left_on_the_esp(
    tree: TreeBuilder,
) -> None:
    grub2.fedora(tree)
    tree.write("/boot/efi/EFI/systemd/systemd-bootx64.efi", b"MZ")
    state = observed(tree)
    assert (state.loader, state.problems) == ("grub2", ())
    assert not [s for s in state.evidence if "left over" in s]


@pytest.mark.parametrize("said", ["true", "'true'", "false", ""])
def test_entries_of_a_grub_whose_configuration_is_on_another_partition(
    tree: TreeBuilder, said: str
) -> None:
    grub2.fedora(tree)
    (tree.root / "boot/grub2/grub.cfg").unlink()
    (tree.root / "etc/default/grub").write_text(f"GRUB_ENABLE_BLSCFG={said}\n")
    assert observed(tree).loader == ("grub2" if "true" in said else "unknown")
