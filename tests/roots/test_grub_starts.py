"""What real GRUB makes of a trial entry: started once, and never again by mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.roots import grub_disk
from tests.roots.conftest import Fresh
from tests.roots.machine_boots import boot
from tests.roots.test_apply import mode

pytestmark = pytest.mark.roots

ARGUMENT = "mitigations=auto"
SPEC = f'version = 1\n[boot]\ntrial = true\nkernel_args = ["{ARGUMENT}"]\n'
OLD = "root=/dev/vda ro console=ttyS0"


@pytest.fixture
def armed(fresh_root: Fresh, tmp_path: Path) -> Path:
    """A root with an armed trial; its kernels start without an initramfs, and say so."""
    root = fresh_root("bookworm")
    config = root / "boot/grub/grub.cfg"
    kept = [line for line in config.read_text().splitlines() if "\tinitrd\t" not in line]
    text = "\n".join(kept).replace(" ro  quiet", " ro console=ttyS0").replace("=5", "=0")
    config.write_text(f"{text}\n")
    spec = tmp_path / "host.toml"
    spec.write_text(SPEC)
    done = mode("apply", spec, root)
    assert done.code == 0, done.out + done.err
    return root


def test_a_panic_in_the_trial_boots_the_old_entry(armed: Path, tmp_path: Path) -> None:
    """panic= reboots it; the second boot is the old one because GRUB had cleared its choice."""
    disk = tmp_path / "disk"
    grub_disk.make(disk, armed)
    first, second = boot(disk, 2)
    assert ARGUMENT in first.split()
    assert "reconcile.trial=" in first
    assert second.strip() == OLD


def test_a_choice_that_cannot_be_cleared_boots_the_old_arguments(
    armed: Path, tmp_path: Path
) -> None:
    disk = tmp_path / "disk"
    grub_disk.make(disk, armed)
    (line,) = boot(disk, 1, "if=virtio,readonly=on")
    assert line.strip() == OLD


def test_without_its_kernel_the_trial_gives_way(armed: Path, tmp_path: Path) -> None:
    """GRUB does not wait for a key."""
    custom = armed / "boot/grub/custom.cfg"
    custom.write_text(custom.read_text().replace("/boot/vmlinuz-", "/boot/removed-"))
    disk = tmp_path / "disk"
    grub_disk.make(disk, armed)
    (line,) = boot(disk, 1)
    assert line.strip() == OLD
