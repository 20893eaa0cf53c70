"""systemd-boot hosts: entries, the line for kernels to come, unified images."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backends.bootloader.detect import observe_boot
from backends.bootloader.loaders import systemd_boot
from backends.bootloader.state import Strength
from backends.formats.cmdline import tokens
from backends.formats.kernel_cmdline_file import ReadBy, read_cmdline_file
from backends.reader import TreeReader
from backends.steps import RemoveFile, RenameFile, Run
from tests.bootloader.sources import Sources
from tests.realworld import params
from tests.simulator import esp
from tests.simulator.tree import TreeBuilder

WANTED = ("intel_iommu=on", "iommu=pt")
ENTRY = f"{esp.TOKEN}-{esp.KERNEL}.conf"


@pytest.fixture
def tree(tmp_path: Path) -> TreeBuilder:
    """A host with one entry."""
    t = TreeBuilder(tmp_path)
    esp.systemd_boot(t)
    esp.entry(t, ENTRY)
    return t


def sources(tree: TreeBuilder) -> Sources:
    """Its configuration."""
    return Sources(tree.root, systemd_boot.BACKEND)


FOLDERS = ("/boot", "/etc/kernel")


def test_every_entry_and_the_line_for_new_kernels(tree: TreeBuilder) -> None:
    second = esp.entry(tree, f"{esp.TOKEN}-6.1.0-31-amd64+3.conf")
    host = sources(tree)
    before = host.content(*FOLDERS)
    change = host.apply(WANTED)
    assert {f.path for f in change.files} == {
        "/etc/kernel/cmdline",
        f"/boot/efi/loader/entries/{ENTRY}",
        second,
    }
    for entry in host.state().normal():
        assert entry.args[-2:] == WANTED
    assert (tree.root / "etc/kernel/cmdline").read_text() == f"{esp.LINE} intel_iommu=on iommu=pt\n"
    assert not host.edit(WANTED).needed
    host.apply(())
    assert host.content(*FOLDERS) == before


def test_a_kernel_installed_in_between_loses_our_arguments_too(tree: TreeBuilder) -> None:
    host = sources(tree)
    host.apply(WANTED)
    line = (tree.root / "etc/kernel/cmdline").read_text().strip()
    new = esp.entry(tree, "new.conf", text=f"title new\noptions {line}\nlinux /new/linux\n")
    assert not host.edit(WANTED).needed
    host.apply(())
    assert (tree.root / new.lstrip("/")).read_text() == (
        f"title new\noptions {esp.LINE}\nlinux /new/linux\n"
    )
    assert not host.edit(()).needed  # what is given back is not what kernel-install had made


def test_an_entry_made_with_our_arguments_is_given_back_without_them(tree: TreeBuilder) -> None:
    host = sources(tree)
    host.apply(WANTED)
    line = (tree.root / "etc/kernel/cmdline").read_text().strip()
    new = esp.entry(tree, "new.conf", text=f"title new\noptions {line}\nlinux /new/linux\n")
    host.apply((*WANTED, "mitigations=auto"))
    host.apply(())
    assert (tree.root / new.lstrip("/")).read_text() == (
        f"title new\noptions {esp.LINE}\nlinux /new/linux\n"
    )
    assert not host.edit(()).needed


def test_without_a_line_for_new_kernels_one_is_made_and_removed(tmp_path: Path) -> None:
    t = TreeBuilder(tmp_path)
    esp.systemd_boot(t, cmdline=None)
    esp.entry(t, ENTRY)
    host = sources(t)
    before = host.content(*FOLDERS)
    assert host.state().configured is None
    host.apply(WANTED)
    assert (tmp_path / "etc/kernel/cmdline").read_text() == f"{esp.LINE} intel_iommu=on iommu=pt\n"
    host.apply(())
    assert host.content(*FOLDERS) == before


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("windows.conf", "title Windows\nefi /EFI/Microsoft/bootmgfw.efi\n", "foreign"),
        ("other.conf", f"title x\nmachine-id {'9' * 32}\nlinux /l\noptions a\n", "foreign"),
        ("x-0-rescue.conf", "title Rescue\nlinux /l\noptions a\n", "recovery"),
    ],
)
def test_entries_of_others_and_the_way_back_are_left_alone(
    tree: TreeBuilder, name: str, text: str, kind: str
) -> None:
    path = esp.entry(tree, name, text=text)
    host = sources(tree)
    assert {e.source: e.kind for e in host.state().entries}[path] == kind
    host.apply(WANTED)
    assert (tree.root / path.lstrip("/")).read_text() == text


def test_absent_arguments_go_and_come_back(tree: TreeBuilder) -> None:
    host = sources(tree)
    before = host.content(*FOLDERS)
    host.apply((), absent=("quiet",))
    assert all("quiet" not in e.args for e in host.state().normal())
    host.apply(())
    assert host.content(*FOLDERS) == before


def test_a_foreign_edit_of_an_entry_survives_undo(tree: TreeBuilder) -> None:
    host = sources(tree)
    host.apply(WANTED)
    path = tree.root / f"boot/efi/loader/entries/{ENTRY}"
    path.write_text(path.read_text().replace("title      Debian", "title      My Debian"))
    host.apply(())
    assert "My Debian" in path.read_text()
    assert "iommu" not in path.read_text()


def test_unified_images_are_built_again_and_checked(tmp_path: Path) -> None:
    t = TreeBuilder(tmp_path)
    esp.systemd_boot(t)
    path = esp.image(t, esp.LINE)
    host = sources(t)
    assert [(e.args, e.kernel) for e in host.state().normal()] == [(tokens(esp.LINE), esp.KERNEL)]
    change = host.apply(WANTED)
    (step,) = change.regenerate
    assert isinstance(step, Run)
    assert step.argv[:3] == ("kernel-install", "add", esp.KERNEL)
    assert step.expect is not None
    assert (step.expect.kind, step.expect.path, step.expect.args) == ("uki", path, WANTED)
    assert host.edit(WANTED).why_stale, "the line is written, the image still the old one"
    esp.image(t, f"{esp.LINE} intel_iommu=on iommu=pt")
    assert not host.edit(WANTED).needed


@pytest.mark.parametrize(
    ("signer", "text", "refused"),
    [
        (
            "/etc/kernel/uki.conf",
            "[UKI]\nSecureBootPrivateKey=/k\nSecureBootCertificate=/c\n",
            False,
        ),
        ("/usr/lib/kernel/install.d/91-sbctl.install", "", False),
        ("/etc/kernel/uki.conf", "[UKI]\nSecureBootPrivateKey=/k\n", True),
        ("/nothing", "", True),
    ],
)
def test_under_secure_boot_an_image_that_nobody_would_sign_is_not_built(
    tmp_path: Path, signer: str, text: str, refused: bool
) -> None:
    t = TreeBuilder(tmp_path)
    esp.systemd_boot(t)
    esp.image(t, esp.LINE)
    t.write(esp.SECURE_BOOT, b"\6\0\0\0\1")
    t.write(signer, text)
    change = sources(t).edit(WANTED)
    assert [(p.code, p.refuse) for p in change.problems] == [("secure-boot-uki", refused)]
    (step,) = change.regenerate
    assert isinstance(step, Run)
    assert step.expect
    assert step.expect.kind == "signed-uki"
    assert not sources(t).edit(("quiet",)).problems, "nothing is built"


def test_an_image_of_a_distribution_gets_an_addon_that_later_ones_get_too(tmp_path: Path) -> None:
    t = TreeBuilder(tmp_path)
    esp.systemd_boot(t)
    esp.image(t, esp.LINE, vendor=True)
    host = sources(t)
    change = host.apply(WANTED)
    make, rename = change.regenerate
    assert isinstance(make, Run)
    assert make.argv[:3] == ("ukify", "build", "--cmdline=intel_iommu=on iommu=pt")
    assert make.expect
    assert make.expect.path == make.argv[-1].removeprefix("--output=")
    assert rename == RenameFile(make.expect.path, "/boot/efi/loader/addons/reconcile.addon.efi")
    assert not change.files, "/etc/kernel/cmdline decides nothing there"
    assert host.edit(WANTED).why_stale
    path = esp.addon(t, "intel_iommu=on iommu=pt")
    assert host.state().normal()[0].args == tokens(f"{esp.LINE} intel_iommu=on iommu=pt")
    assert host.state().configured == host.state().normal()[0].args
    assert not host.edit(WANTED).needed
    assert host.edit(("iommu=pt",)).regenerate, "it is made again with less"
    assert host.apply(()).regenerate == (RemoveFile(path, ("/boot/efi/loader/addons",)),)


def test_an_addon_never_removes(tmp_path: Path) -> None:
    t = TreeBuilder(tmp_path)
    esp.systemd_boot(t)
    esp.image(t, esp.LINE, vendor=True)
    (problem,) = sources(t).edit(WANTED, absent=("quiet",)).problems
    assert (problem.refuse, problem.where) == (True, "boot.absent_kernel_args")


@pytest.mark.parametrize("lacks", ["ukify", "a stub that reads addons"])
def test_an_image_that_nobody_here_can_change_is_refused(tmp_path: Path, lacks: str) -> None:
    t = TreeBuilder(tmp_path)
    esp.systemd_boot(t)
    path = tmp_path / esp.image(t, esp.LINE, vendor=True)[1:]
    if lacks == "ukify":
        (tmp_path / "usr/bin/ukify").unlink()
    else:
        path.write_bytes(path.read_bytes().replace(b"systemd-stub 257", b"systemd-stub 253"))
    (problem,) = sources(t).edit(WANTED).problems
    assert problem.refuse
    assert "ukify" in problem.hint


def test_images_of_mkinitcpio_are_all_looked_at(tmp_path: Path) -> None:
    t = TreeBuilder(tmp_path)
    esp.systemd_boot(t)
    path = esp.image(t, esp.LINE, vendor=True)
    other = path.replace(esp.KERNEL, "fallback")
    t.write(other, (tmp_path / path.lstrip("/")).read_bytes())
    t.write("/usr/bin/mkinitcpio", "")
    preset = f"PRESETS=('default' 'fallback')\ndefault_uki='{path}'\nfallback_uki=\"{other}\"\n"
    t.write("/etc/mkinitcpio.d/linux.preset", preset)
    (step,) = sources(t).edit(WANTED).regenerate
    assert isinstance(step, Run)
    assert step.argv == ("mkinitcpio", "-P")
    assert step.expect
    assert {step.expect.path, *step.expect.words} == {path, other}


def test_grub_that_says_so_is_not_systemd_boot(tree: TreeBuilder) -> None:
    tree.write(esp.LOADER_INFO, b"\7\0\0\0" + "GRUB 2.12\0".encode("utf-16-le"))
    found = systemd_boot.BACKEND.detect(TreeReader(tree.root))
    assert found is not None
    assert found.strength is Strength.LIES_THERE


def test_detected_without_efi_variables(tree: TreeBuilder) -> None:
    (tree.root / esp.LOADER_INFO.lstrip("/")).unlink()
    state = observe_boot(TreeReader(tree.root))
    assert state.loader == "systemd-boot"
    assert state.running == tokens(esp.LINE)


@pytest.mark.realworld
@pytest.mark.parametrize("path", params("bootentries/entries/*"))
def test_every_real_entry_is_edited_and_given_back(tree: TreeBuilder, path: Path) -> None:
    placed = tree.root / "boot/efi/loader/entries/real.conf"
    placed.write_bytes(path.read_bytes())
    host = sources(tree)
    before = host.content(*FOLDERS)
    kind = {e.source: e.kind for e in host.state().entries}.get(
        "/boot/efi/loader/entries/real.conf"
    )
    host.apply(WANTED)
    after = {e.source: e for e in host.state().entries}["/boot/efi/loader/entries/real.conf"]
    if kind == "normal":
        assert set(WANTED) <= set(after.args)
    else:
        assert placed.read_bytes() == path.read_bytes()
    assert not host.edit(WANTED).needed
    host.apply(())
    assert host.content(*FOLDERS) == before


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from(["quiet", "a=1", "a=2", "-- init"]), max_size=4),
    st.lists(st.sampled_from(["a=1", "b", "c=d"]), max_size=3, unique=True),
)
def test_edit_is_idempotent_and_reversible(
    tmp_path_factory: pytest.TempPathFactory, there: list[str], wanted: list[str]
) -> None:
    t = TreeBuilder(tmp_path_factory.mktemp("esp"))
    esp.systemd_boot(t, cmdline=" ".join(there))
    esp.entry(t, ENTRY, text=f"title x\noptions {' '.join(['root=x', *there])}\nlinux /l\n")
    host = sources(t)
    before = host.content(*FOLDERS)
    host.apply(wanted)
    line = (t.root / "etc/kernel/cmdline").read_text()
    assert set(wanted) <= set(read_cmdline_file(line, ReadBy.UNCOMMENTED))
    assert all(set(wanted) <= set(e.args) for e in host.state().normal())
    assert not host.edit(wanted).needed
    host.apply(())
    assert host.content(*FOLDERS) == before


def test_an_esp_that_is_not_mounted_is_refused(tree: TreeBuilder) -> None:
    """LoaderInfo says who booted; without its entries nothing can be changed."""
    (tree.root / f"boot/efi/loader/entries/{ENTRY}").unlink()
    state = observe_boot(TreeReader(tree.root))
    assert state.loader == "systemd-boot"
    assert [(p.code, p.refuse) for p in state.problems] == [("bootloader-unsupported", True)]
    assert "mount" in state.problems[0].hint


def test_an_image_that_the_firmware_starts_itself(tmp_path: Path) -> None:
    t = TreeBuilder(tmp_path)
    esp.systemd_boot(t)
    esp.image(t, esp.LINE)
    for path in (esp.LOADER_INFO, "/boot/efi/loader/loader.conf"):
        (tmp_path / path.lstrip("/")).unlink()
    (tmp_path / "boot/efi/EFI/systemd/systemd-bootx64.efi").unlink()
    assert observe_boot(t.reader()).loader == "unknown"
    stub = esp.LOADER_INFO.replace("LoaderInfo", "StubInfo")
    t.write(stub, b"\7\0\0\0" + "systemd-stub 257\0".encode("utf-16-le"))
    state = observe_boot(t.reader())
    assert (state.loader, state.problems) == ("systemd-boot", ())
    assert "StubInfo" in state.evidence[0]
