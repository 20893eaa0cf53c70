"""From a flavour's name to a guest with the tool in it."""

from __future__ import annotations

import shlex
import tempfile
from pathlib import Path
from typing import Literal

from . import accel, images
from .base import LabError, subdir
from .guest import Guest
from .machines import KINDS
from .qemu import Setup, overlay

_INSTALL = """set -e
/opt/reconcile/bin/pip install --quiet --disable-pip-version-check --no-index --no-deps \
    --no-cache-dir --force-reinstall {wheel}
ln -sf /opt/reconcile/bin/reconcile /usr/local/bin/reconcile
"""


def guest(
    flavour: str,
    machine: str = "intel",
    serial: Literal["log", "stdio"] = "log",
    append: str | None = None,
) -> Guest:
    """A guest with a disk of its own over the flavour's image (built when needed), switched off.
    With `append`, QEMU starts the kernel with these arguments more, and no boot loader runs."""
    if machine not in KINDS:
        raise LabError(f"no machine {machine!r}; there are {', '.join(KINDS)}")
    image = images.ensure(flavour)
    work = Path(tempfile.mkdtemp(prefix=f"{flavour}-{machine}.", dir=subdir("runs")))
    disk, nvram = overlay(work, image.disk, image.nvram)
    kind = accel.choose(image.disk, image.direct)
    direct = None if append is None else image.direct.with_more(append)
    return Guest(Setup(work, disk, nvram, machine, kind, direct, serial))


def again(work: Path) -> Guest:
    """The guest of a folder that a failed test has left, its console here, switched off."""
    machine = work.name.partition(".")[0].rpartition("-")[2]
    disk, nvram = work / "overlay.qcow2", work / "vars.fd"
    if machine not in KINDS or not disk.exists():
        raise LabError(f"{work} is not the folder of a guest")
    uefi = nvram if nvram.exists() else None
    for job in (work / "share" / "jobs").iterdir():
        job.unlink()
    return Guest(Setup(work, disk, uefi, machine, "tcg", serial="stdio"))


def install_script(machine: Guest, wheel: Path) -> str:
    """Stages the wheel and returns the script that installs it as /usr/local/bin/reconcile."""
    staged = machine.setup.share / wheel.name
    staged.write_bytes(wheel.read_bytes())
    return _INSTALL.format(wheel=shlex.quote(f"/run/lab/{wheel.name}"))


def install(machine: Guest, wheel: Path) -> None:
    """Install the tool's wheel in a running guest, offline."""
    machine.out(install_script(machine, wheel))
