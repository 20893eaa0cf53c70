"""What is checked of an image that a generator says it has made."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from backends.expect import problem
from backends.initramfs.expect import expect_made_again, list_image
from backends.initramfs.state import Contents
from backends.reader import TreeReader
from backends.steps import Expect, Ran

# lsinitramfs prints names; lsinitrd prints them as ls -l does.
NAMES = """\
.
etc/modprobe.d/reconcile.conf
usr/lib/modules/6.12/kernel/drivers/vfio/pci/vfio-pci.ko.xz
usr/lib/udev/rules.d/10-reconcile-vfio.rules
lib -> usr/lib
"""
LONG = "".join(
    f"-rw-r--r--   1 root     root  31 Nov 21 05:56 {line}\n" for line in NAMES.splitlines()
)
IMAGE = "/boot/initrd.img-6.12"


def _look(tmp_path: Path, listing: str, contents: Contents) -> str | None:
    expect = list_image("lsinitramfs", IMAGE, contents).expect
    assert expect is not None
    return problem(TreeReader(tmp_path), expect, Ran(listing, 0))


@pytest.mark.parametrize("listing", [NAMES, LONG, NAMES.replace("-pci.ko.xz", "_pci.ko")])
def test_everything_is_there(tmp_path: Path, listing: str) -> None:
    files = ("/etc/modprobe.d/reconcile.conf", "/etc/udev/rules.d/10-reconcile-vfio.rules")
    assert _look(tmp_path, listing, Contents(("vfio-pci",), files)) is None


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        (Contents(("vfio",)), "vfio.ko is not in the image"),
        (Contents(files=("/etc/modprobe.d/conf",)), "is not in the image"),
        (Contents(files=("/etc/other.d/reconcile.conf",)), "is not in the image"),
        (Contents(gone=("/etc/modprobe.d/reconcile.conf",)), "is in the image still"),
    ],
)
def test_something_is_wrong(tmp_path: Path, contents: Contents, words: str) -> None:
    assert words in (_look(tmp_path, NAMES, contents) or "")


def test_an_empty_listing_proves_nothing(tmp_path: Path) -> None:
    assert "empty" in (_look(tmp_path, "", Contents()) or "")


def test_a_module_may_be_built_in(tmp_path: Path) -> None:
    (tmp_path / "lib/modules/6.12").mkdir(parents=True)
    builtin = tmp_path / "lib/modules/6.12/modules.builtin"
    builtin.write_text("kernel/drivers/vfio/pci/vfio-pci.ko\n")
    assert _look(tmp_path, "x\n", Contents(("vfio-pci",))) is None
    builtin.write_text("kernel/drivers/vfio/pci/vfio-pci-core.ko\n")
    assert _look(tmp_path, "x\n", Contents(("vfio-pci",))) is not None


def _made(tmp_path: Path, expect: Expect) -> str | None:
    return problem(TreeReader(tmp_path), expect, Ran("", time.time_ns()))


def test_an_image_that_was_not_touched(tmp_path: Path) -> None:
    """As with /boot read-only: the program ends well and nothing is new."""
    (tmp_path / "a").write_text("x")
    (tmp_path / "b").write_text("x")
    expect = expect_made_again(["/a", "/b"])
    assert _made(tmp_path, expect) is None
    os.utime(tmp_path / "b", (1, 1))
    assert "/b was not made again" in (_made(tmp_path, expect) or "")
    (tmp_path / "a").write_text("")
    assert "/a was not made" in (_made(tmp_path, expect) or "")
    (tmp_path / "a").unlink()
    assert "/a was not made" in (_made(tmp_path, expect) or "")
