"""KVM where it carries a guest, software emulation where it does not: found out by booting one."""

from __future__ import annotations

import os
import platform
import re
import tempfile
from pathlib import Path

from .base import LabError, digest, locked, subdir
from .guest import Guest
from .qemu import Accel, DirectBoot, Setup, overlay, program

# With KVM a boot takes a few seconds; one that takes this long is not worth having.
PROBE_SECONDS = 60


def choose(disk: Path, direct: DirectBoot) -> Accel:
    """The accelerator for this machine. $RECONCILE_LAB_ACCEL decides; else the image that is given
    is booted twice with KVM, once per state directory, machine and QEMU."""
    asked = os.environ.get("RECONCILE_LAB_ACCEL")
    if asked in ("kvm", "tcg"):
        return "kvm" if asked == "kvm" else "tcg"
    if asked:
        raise LabError(f"RECONCILE_LAB_ACCEL={asked}: kvm or tcg")
    if not os.access("/dev/kvm", os.R_OK | os.W_OK) or not virtualises(_cpuinfo()):
        return "tcg"
    verdict = subdir("cache") / f"accel-{_machine_key()}"
    with locked(verdict.name):
        if not verdict.exists():
            verdict.write_text(_probe(disk, direct))
    return "kvm" if verdict.read_text().startswith("kvm") else "tcg"


def virtualises(cpuinfo: str) -> bool:
    """Whether the processor has VT-x or AMD-V, by its flags. A host may have /dev/kvm without: it
    runs a guest kernel that knows nothing of it instruction by instruction, slower than QEMU."""
    flags = re.search(r"^flags\s*:(.*)$", cpuinfo, re.MULTILINE)
    return bool(flags and {"vmx", "svm"} & set(flags[1].split()))


def _cpuinfo() -> str:
    return Path("/proc/cpuinfo").read_text()


def _machine_key() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text()
    return digest(platform.platform(), program(), boot)


def _probe(disk: Path, direct: DirectBoot) -> str:
    """Two whole boots of the standard host, until its agent answers: 'kvm', or why not."""
    for _ in range(2):
        work = Path(tempfile.mkdtemp(prefix="probe.", dir=subdir("runs")))
        own, _nvram = overlay(work, disk, None)
        setup = Setup(work, own, None, "intel", "kvm", direct, scratch=True)
        guest = Guest(setup, boot_timeout=PROBE_SECONDS)
        try:
            with guest:
                guest.out("true", timeout=PROBE_SECONDS)
        except LabError as error:
            return f"tcg: {error}\n"
        finally:
            guest.remove()
    return "kvm\n"
