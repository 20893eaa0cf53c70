"""systemd-boot with the real bootctl, kernel-install, ukify and update-initramfs of Debian.

The stub and the kernels are not booted here; the lab does that.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from backends.formats.pe import is_signed
from tests.roots import espdir
from tests.roots.conftest import Fresh
from tests.roots.machine import kernel_of, simulate
from tests.roots.snapshot import snapshot
from tests.roots.test_apply import WANTED, mode, second_apply_is_silent, spec
from tests.simulator import esp

pytestmark = pytest.mark.roots

__all__ = ["spec"]
SDBOOT = ["sdboot12", "sdboot13"]
OF_KERNEL_INSTALL = "systemd.machine_id="
Prepared = Callable[..., Path]


@pytest.fixture
def prepared(fresh_root: Fresh) -> Iterator[Prepared]:
    """A root of that name with an ESP on which its kernel is registered."""
    with ExitStack() as stack:

        def prepare(name: str, *, unified: bool = False) -> Path:
            root = stack.enter_context(espdir.mounted(fresh_root(name)))
            espdir.install(root, unified=unified)
            simulate(root, loader="systemd-boot")
            return root

        yield prepare


def words(options: str) -> str:
    """Without what kernel-install adds of its own."""
    return " ".join(w for w in options.split() if not w.startswith(OF_KERNEL_INSTALL))


@pytest.mark.parametrize("line", ["cmdline", "no cmdline"])
@pytest.mark.parametrize("name", SDBOOT)
def test_apply_a_new_kernel_and_back(
    prepared: Prepared, spec: Path, empty: Path, name: str, line: str
) -> None:
    root = prepared(name)
    if line == "no cmdline":
        (root / "etc/kernel/cmdline").unlink()
    before = snapshot(root)
    assert mode("plan", spec, root, "--detailed-exitcode").code == 2
    assert snapshot(root) == before

    applied = mode("apply", spec, root)
    assert applied.code == 0, applied.out + applied.err
    assert [words(o) for o in espdir.listed(root)] == [f"{espdir.LINE} {WANTED}"]
    assert mode("plan", spec, root, "--detailed-exitcode").code == 4

    new = espdir.another_kernel(root)
    assert [words(o) for o in espdir.listed(root)] == [f"{espdir.LINE} {WANTED}"] * 2
    assert mode("plan", spec, root, "--detailed-exitcode").code == 4
    espdir.remove_kernel(root, new)

    simulate(root, f"quiet {WANTED}", passed=True, loader="systemd-boot")
    assert mode("apply", spec, root).code == 0
    synced = mode("plan", spec, root, "--detailed-exitcode")
    assert synced.code == 0, synced.out

    simulate(root, loader="systemd-boot")
    undone = mode("apply", empty, root)
    assert undone.code == 0, undone.out + undone.err
    assert snapshot(root) == before
    assert [words(o) for o in espdir.listed(root)] == [espdir.LINE]


@pytest.mark.parametrize("name", SDBOOT)
def test_a_kernel_that_stays_loses_the_arguments_with_us(
    prepared: Prepared, spec: Path, empty: Path, name: str
) -> None:
    root = prepared(name)
    assert mode("apply", spec, root).code == 0
    espdir.another_kernel(root)
    assert mode("apply", empty, root).code == 0
    assert [words(o) for o in espdir.listed(root)] == [espdir.LINE] * 2
    assert mode("plan", empty, root, "--detailed-exitcode").code == 0


@pytest.mark.parametrize("name", [*SDBOOT, "uki13"])
def test_a_second_apply_writes_nothing_and_starts_nothing(
    prepared: Prepared, spec: Path, name: str, tmp_path: Path
) -> None:
    root = prepared(name, unified=name == "uki13")
    assert mode("apply", spec, root).code == 0
    assert second_apply_is_silent(spec, root, tmp_path) == []


@pytest.mark.parametrize("name", SDBOOT)
def test_bootctl_reads_an_entry_as_we_do(prepared: Prepared, name: str) -> None:
    """Several options lines, comments, tabs, quotes around the value."""
    from backends.bootloader.bls import type1
    from backends.reader import TreeReader

    root = prepared(name)
    kernel = f"{esp.TOKEN}/linux"
    (root / espdir.ESP / esp.TOKEN).mkdir()
    (root / espdir.ESP / kernel).write_text("")
    odd = f'title\tOdd\n\n# c\noptions  a=1   "b=2 c"\n linux /{kernel}\noptions\td d\n options e\n'
    for found in (root / espdir.ENTRIES).iterdir():
        found.unlink()
    (root / espdir.ENTRIES / "odd.conf").write_text(odd)
    (options,) = espdir.listed(root)
    ((_, entry),) = type1(TreeReader(root), "/boot/efi", "")
    assert " ".join(entry.args).split() == options.split()


def test_unified_images_are_built_again(prepared: Prepared, spec: Path, empty: Path) -> None:
    root = prepared("uki13", unified=True)
    before = snapshot(root)
    assert [words(line) for line in embedded(root)] == [espdir.LINE]

    applied = mode("apply", spec, root)
    assert applied.code == 0, applied.out + applied.err
    assert [words(line) for line in embedded(root)] == [f"{espdir.LINE} {WANTED}"]
    assert mode("plan", spec, root, "--detailed-exitcode").code == 4

    new = espdir.another_kernel(root)
    assert [words(line) for line in embedded(root)] == [f"{espdir.LINE} {WANTED}"] * 2
    assert mode("plan", spec, root, "--detailed-exitcode").code == 4
    espdir.remove_kernel(root, new)

    undone = mode("apply", empty, root)
    assert undone.code == 0, undone.out + undone.err
    assert snapshot(root) == before
    assert [words(line) for line in embedded(root)] == [espdir.LINE]


def embedded(root: Path) -> list[str]:
    """The command line in every unified kernel image, as the real ukify finds it."""
    found = []
    for image in sorted((root / espdir.ESP / "EFI/Linux").iterdir()):
        shown = espdir.inside(
            root, "ukify", "inspect", f"/{image.relative_to(root)}", "--json=short"
        )
        found.append(json_section(shown, ".cmdline"))
    return found


def json_section(shown: str, name: str) -> str:
    """The text of one section."""
    import json

    text: str = json.loads(shown)[name]["text"]
    return text.strip("\0\n")


def test_the_kernel_is_the_one_that_is_registered(prepared: Prepared) -> None:
    root = prepared("sdboot12")
    assert [p.name for p in (root / espdir.ENTRIES).iterdir()] == [
        f"4c4c4544003b3510804bb4c04f4a4233-{kernel_of(root)}.conf"
    ]


def test_an_image_that_came_as_it_is_gets_an_addon_of_the_real_ukify(
    prepared: Prepared, spec: Path, empty: Path
) -> None:
    """As a distribution's signed image: nothing here says that it could be built again."""
    root = prepared("uki13", unified=True)
    (root / "etc/kernel/install.conf").unlink()
    (root / "etc/initramfs/post-update.d/systemd-boot").unlink()
    before = snapshot(root)
    applied = mode("apply", spec, root)
    assert applied.code == 0, applied.out + applied.err
    addon = "boot/efi/loader/addons/reconcile.addon.efi"
    shown = espdir.inside(root, "ukify", "inspect", f"/{addon}", "--json=short")
    assert json_section(shown, ".cmdline") == WANTED
    assert [words(line) for line in embedded(root)] == [espdir.LINE]
    assert mode("plan", spec, root, "--detailed-exitcode").code == 4

    (image,) = (root / espdir.ESP / "EFI/Linux").iterdir()
    shutil.copy2(image, image.with_name("next.efi"))
    assert mode("plan", spec, root, "--detailed-exitcode").code == 4, "the next one gets it too"
    image.with_name("next.efi").unlink()

    undone = mode("apply", empty, root)
    assert undone.code == 0, undone.out + undone.err
    assert snapshot(root) == before


@pytest.mark.parametrize(
    ("root", "name", "signed"),
    [("sdboot13", "systemd-bootx64.efi.signed", True), ("uki13", "linuxx64.efi.stub", False)],
)
def test_a_signature_is_seen_in_debians_own_files(
    built: Fresh, root: str, name: str, signed: bool
) -> None:
    data = (built(root) / "usr/lib/systemd/boot/efi" / name).read_bytes()
    assert is_signed(lambda offset, size: data[offset : offset + size]) is signed
