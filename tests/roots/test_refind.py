"""rEFInd's own files: what its package's mkrlconf writes, and its sample configuration."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.bootloader.detect import running_arguments
from backends.bootloader.loaders.refind import BACKEND, OPTIONS
from backends.formats.cmdline import before_dashdash
from backends.reader import TreeReader
from tests.bootloader.sources import Sources
from tests.lab.base import call
from tests.roots import copies, emu
from tests.roots.enter import run_in

pytestmark = pytest.mark.roots

SAMPLE = "usr/share/refind/refind/refind.conf-sample"
WANTED = ("intel_iommu=on", 'dyndbg="file a.c +p"')


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    """A root with the files of rEFInd's package, unpacked only (its installation looks for an
    ESP), and its sample configuration where refind-install puts it."""
    with copies.home() as home:
        root = copies.copy(emu.ensure(), home / "refind")
        call("apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", "refind", cwd=home)
        (package,) = home.glob("refind_*.deb")
        call("dpkg-deb", "-x", package, home / "package")
        for path in ("usr/sbin/mkrlconf", SAMPLE):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(home / "package" / path, root / path)
        config = root / "boot/efi/EFI/refind/refind.conf"
        config.parent.mkdir(parents=True)
        config.write_bytes((root / SAMPLE).read_bytes())
        yield root


def test_mkrlconfs_file_is_read_edited_and_given_back(root: Path) -> None:
    made = run_in(root, "mkrlconf", "--force")
    assert made.returncode == 0, made.stderr
    path = root / OPTIONS[1:]
    before = path.read_bytes()
    host = Sources(root, BACKEND)
    (normal,) = host.state().normal()
    assert normal.args == running_arguments(TreeReader("/"))
    assert [e.kind for e in host.state().entries] == ["normal", "recovery", "recovery"]
    host.apply(WANTED)
    kernels, inits = before_dashdash(normal.args)
    assert host.state().normal()[0].args == (*kernels, *WANTED, *inits)
    host.apply(())
    assert path.read_bytes() == before


def test_the_sample_configuration_has_no_entry_of_a_users_own(root: Path) -> None:
    assert BACKEND.detect(TreeReader(root)) is not None
    assert "menuentry" in (root / SAMPLE).read_text()
    assert not Sources(root, BACKEND).state().problems
