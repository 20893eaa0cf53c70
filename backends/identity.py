"""Which machine this is, and which boot of it.

Sources: hostname(5), machine-id(5), os-release(5), proc_sys_kernel(5) (random/boot_id).
"""

from __future__ import annotations

from backends.formats.systemd_conf import environment
from backends.reader import Reader
from specs.record import Record


class Identity(Record):
    """Which machine this is, and which boot of it."""

    VOLATILE = frozenset({"boot_id"})

    hostname: str
    machine_id: str
    kernel: str
    boot_id: str


def observe_identity(reader: Reader) -> Identity:
    """The running host name wins over the file."""
    name = reader.read_text("/proc/sys/kernel/hostname") or reader.read_text("/etc/hostname")
    return Identity(
        hostname=_line(name),
        machine_id=_line(reader.read_text("/etc/machine-id")),
        kernel=_line(reader.read_text("/proc/sys/kernel/osrelease")),
        boot_id=boot_id(reader),
    )


def boot_id(reader: Reader) -> str:
    """What is another word after every boot; empty where nothing runs."""
    return _line(reader.read_text("/proc/sys/kernel/random/boot_id"))


def system_name(reader: Reader) -> str:
    """The distribution's name."""
    values = environment(reader.read_text("/etc/os-release") or "")
    return values.get("PRETTY_NAME") or values.get("ID") or ""


def _line(text: str | None) -> str:
    return (text or "").strip()
