"""What a contract test may do to a machine, simulated or real."""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass
from typing import Protocol

from tests.lab.guest import Guest


class Machine(Protocol):
    """Attributes and modules of a running kernel."""

    def read(self, path: str) -> str | None:
        """An attribute's text, None where there is none."""

    def exists(self, path: str) -> bool:
        """Whether the path leads to something."""

    def driver(self, bdf: str) -> str | None:
        """The driver of a function."""

    def driver_loaded(self, name: str) -> bool:
        """Whether a driver is registered with the PCI bus."""

    def write(self, path: str, value: str) -> None:
        """One write(2). Raises OSError with the kernel's errno."""

    def modprobe(self, name: str) -> bool:
        """Load a module; False where that fails."""


_WRITE = """import os
fd = os.open({path!r}, os.O_WRONLY)
try:
    os.write(fd, {value!r}.encode())
except OSError as e:
    print("errno", e.errno)
"""


class LabMachine:
    """A guest of the lab as a Machine."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest

    def read(self, path: str) -> str | None:
        """See Machine."""
        done = self.guest.run(f"cat -- {path}")
        return done.text if done.rc == 0 else None

    def exists(self, path: str) -> bool:
        """See Machine."""
        return self.guest.run(f"test -e {path}").rc == 0

    def driver(self, bdf: str) -> str | None:
        """See Machine."""
        done = self.guest.run(f"readlink /sys/bus/pci/devices/{bdf}/driver")
        return done.text.strip().rsplit("/", 1)[-1] if done.rc == 0 else None

    def driver_loaded(self, name: str) -> bool:
        """See Machine."""
        return self.exists(f"/sys/bus/pci/drivers/{name}")

    def write(self, path: str, value: str) -> None:
        """See Machine."""
        if not self.exists(path):
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        self.guest.write("/run/contract.py", _WRITE.format(path=path, value=value))
        text = self.guest.out("python3 /run/contract.py")
        found = re.search(r"errno (\d+)", text)
        if found:
            raise OSError(int(found[1]), os.strerror(int(found[1])), path)

    def modprobe(self, name: str) -> bool:
        """See Machine."""
        return self.guest.run(f"modprobe {name}").rc == 0


@dataclass(frozen=True, slots=True)
class Case:
    """A machine and the addresses that the tests work with.

    ``nic`` and ``twin`` have one id and the driver ``host_driver``; ``bridge`` is a PCIe port;
    ``pf`` has SR-IOV; its VFs get one of ``vf_drivers`` when nothing is told (QEMU's NVMe VFs are
    offline at first, so that nvme may give up on them).
    """

    machine: Machine
    nic: str
    twin: str
    host_driver: str
    bridge: str
    pf: str
    vf_drivers: tuple[str | None, ...]
