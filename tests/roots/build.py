"""Builds the root file systems from packages, once: cached by what went into them.

``python -m tests.roots.build [NAME...]`` builds some or all of them. They lie under
$RECONCILE_ROOTS (default /var/tmp/reconcile-roots), which must be on a disk file system:
grub-probe wants a block device below it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from pathlib import Path

from tests.lab.base import LabError, call, digest, need, texts
from tests.lab.rootfs import sources
from tests.roots.enter import run_in
from tests.roots.flavours import FLAVOURS, Flavour

MACHINE_ID = "4c4c4544003b3510804bb4c04f4a4233"
_EXCLUDED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")


def state_dir() -> Path:
    """$RECONCILE_ROOTS, default /var/tmp/reconcile-roots: the roots, and copies while in use."""
    path = Path(os.environ.get("RECONCILE_ROOTS") or "/var/tmp/reconcile-roots")
    path.mkdir(parents=True, exist_ok=True)
    return path


def key(flavour: Flavour) -> str:
    """Changes with the suite, the package list and this script."""
    return digest(flavour.suite, *flavour.include, *texts([Path(__file__)]))


def ensure(flavour: Flavour) -> Path:
    """The flavour's root directory, never to be written to; built when it is not in the cache."""
    if os.geteuid():
        raise LabError("root file systems are built by root only (chroot, device nodes)")
    root = state_dir() / f"{flavour.name}-{key(flavour)}"
    with open(state_dir() / f"{flavour.name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.exists():
            for stale in state_dir().glob(f"{flavour.name}-????????????*"):
                shutil.rmtree(stale)
            _build(flavour, root)
    return root


def _build(flavour: Flavour, root: Path) -> None:
    need("mmdebstrap")
    unfinished = root.with_name(root.name + ".new")
    call(
        *("mmdebstrap", "--quiet", "--variant=minbase", "--format=directory"),
        f"--include={','.join(flavour.include)}",
        '--aptopt=APT::Install-Recommends "false"',
        '--aptopt=Acquire::Check-Valid-Until "false"',
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in _EXCLUDED),
        flavour.suite,
        unfinished,
        *sources(flavour.suite),
    )
    if not list(unfinished.glob("usr/lib/modules/*/kernel/drivers/vfio/pci/vfio-pci.ko*")):
        raise LabError(f"{flavour.name}: this kernel has no vfio-pci module")
    (unfinished / "etc/machine-id").write_text(f"{MACHINE_ID}\n")
    (unfinished / "etc/hostname").write_text("kvm-01\n")
    (unfinished / "etc/fstab").write_text("/dev/sda2 / ext4 errors=remount-ro 0 1\n")
    _make_small_images(flavour, unfinished)
    if flavour.loader == "grub-mkconfig":
        run_in(unfinished, "update-grub", check=True)
    unfinished.rename(root)


def _make_small_images(flavour: Flavour, root: Path) -> None:
    """A small initramfs is made in two seconds; a full one takes ten times that."""
    if flavour.initramfs == "dracut":
        text = 'dracutmodules+=" base udev-rules "\ndrivers+=" ext4 "\n'
        (root / "etc/dracut.conf.d/small.conf").write_text(text)
        run_in(root, "dracut", "--quiet", "--regenerate-all", "--force", check=True)
    else:
        text = "MODULES=list\nCOMPRESS=zstd\nCOMPRESSLEVEL=1\n"
        (root / "etc/initramfs-tools/conf.d/small").write_text(text)
        run_in(root, "update-initramfs", "-u", "-k", "all", check=True)


def main(names: list[str]) -> None:
    """Build the named flavours, or all of them."""
    for name in names or FLAVOURS:
        print(f"{name}: {ensure(FLAVOURS[name])}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
