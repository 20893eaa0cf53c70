"""What real systemd-boot makes of a trial entry: started once, counted, and then last."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backends.bootloader.detect import observe_boot
from tests.roots import esp_disk
from tests.roots.conftest import Fresh
from tests.roots.machine_boots import boot
from tests.simulator import esp
from tests.simulator.host import Bench
from tests.trial import hosts

pytestmark = pytest.mark.roots

ARGUMENT = "mitigations=auto"
BOOT: dict[str, Any] = {"boot": {"trial": True, "kernel_args": [ARGUMENT]}}
OLD = "root=/dev/sda2 ro console=ttyS0"
ENTRY = f"title Debian\nversion 6.1\nsort-key debian\noptions {OLD}\nlinux /linux\n"


@pytest.mark.parametrize("name", ["sdboot12", "sdboot13"])
def test_a_panic_in_the_trial_boots_the_old_entry(built: Fresh, tmp_path: Path, name: str) -> None:
    """The tool's own entry and choice, on the loader of that root."""
    tree = hosts.systemd_boot(tmp_path / "host")
    tree.write("/boot/efi/loader/loader.conf", "timeout 0\n")
    folder = tree.root / "boot/efi"
    (folder / f"loader/entries/{esp.TOKEN}-{esp.KERNEL}.conf").write_text(ENTRY)
    assert Bench(tree.root).apply(**BOOT).good
    choice = observe_boot(tree.reader(), trial=True).tried.fact("choice")
    disk = tmp_path / "disk"
    esp_disk.make(disk, built(name), folder, choice)
    first, second = boot(disk, 2, more=esp_disk.firmware(disk))
    assert {ARGUMENT, "panic=10"} <= set(first.split())
    assert second.strip() == OLD
    assert esp_disk.entries(disk) == [
        f"{esp.TOKEN}-{esp.KERNEL}.conf",
        "reconcile-trial+0-1.conf",
    ]
