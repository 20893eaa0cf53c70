"""What the real programs need when they run inside a tree: facts that ChrootRunner rests on."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.roots.conftest import Fresh
from tests.roots.enter import run_in
from tests.roots.machine import kernel_of

pytestmark = pytest.mark.roots


def _chroot(root: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    """Without any mount: the tree as it lies there."""
    return subprocess.run(["chroot", root, *argv], capture_output=True, text=True, timeout=600)


def test_grub_probe_wants_the_block_device_below_the_tree(fresh_root: Fresh) -> None:
    """A tree from mmdebstrap has /dev/null and little more: that is not enough of a /dev."""
    root = fresh_root("bookworm")
    shutil.rmtree(root / "proc/self")
    assert (root / "dev/null").exists()
    bare = _chroot(root, "/usr/sbin/grub-mkconfig", "-o", "/boot/grub/x.cfg")
    assert bare.returncode
    assert "is /dev mounted?" in bare.stderr
    assert run_in(root, "grub-mkconfig", "-o", "/boot/grub/x.cfg").returncode == 0


@pytest.mark.parametrize("name", ["bookworm", "trixie"])
def test_grub_cfg_has_an_entry_for_the_kernel_and_a_way_back(built: Fresh, name: str) -> None:
    text = (built(name) / "boot/grub/grub.cfg").read_text()
    kernel = kernel_of(built(name))
    lines = re.findall(r"^\s*linux\s+(.*)$", text, re.M)
    assert len(lines) == 3
    assert all(kernel in line for line in lines)
    assert sum("single" in line for line in lines) == 1


def test_plain_files_in_proc_are_hidden_from_programs_and_survive(fresh_root: Fresh) -> None:
    root = fresh_root("bookworm")
    recorded = (root / "proc/cmdline").read_text()
    seen = run_in(root, "cat", "/proc/cmdline").stdout
    assert seen == Path("/proc/cmdline").read_text() != recorded
    assert (root / "proc/cmdline").read_text() == recorded
    mounts = Path("/proc/self/mounts").read_text()
    assert str(root) not in mounts
