"""How libvirt fares on a host: its daemons, the accounts that it needs, and starts that failed.

No plan depends on any of this, so no capture has it: --inspect alone looks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from backends.accounts import Accounts, observe_accounts
from backends.libvirt.places import places
from backends.reader import CaptureError, NeedsRoot, Reader
from specs.record import Record

# drvqemu.rst and daemons.rst: one daemon for everything, or one for each driver.
DAEMONS = ("libvirtd", "virtqemud")
# Of interest are QEMU's own user, and whoever may use VMs.
GROUPS = ("kvm", "libvirt", "libvirt-qemu", "qemu")
_UNITS = (
    *(f"{name}.{kind}" for name in DAEMONS for kind in ("service", "socket")),
    "virtlogd.service",
)
_PROPERTIES = "Id,LoadState,ActiveState,Result"
_TAIL = 64 * 1024


class Unit(Record):
    """A systemd unit: active, inactive, failed …; ``result`` says how it failed."""

    name: str
    state: str
    result: str


class Health(Record):
    """``units`` that are installed, None where systemd cannot be asked; ``kvm`` is the owner
    group and mode of /dev/kvm, None where there is none; ``failures`` are the lines that QEMU left
    by domain, for those whose last start failed; None where the logs cannot be read."""

    person: str = ""
    units: tuple[Unit, ...] | None = None
    accounts: Accounts | None = None
    kvm: tuple[int, int] | None = None
    failures: tuple[tuple[str, tuple[str, ...]], ...] | None = None

    def unit(self, name: str) -> Unit | None:
        """One unit, None when it is not installed."""
        return next((unit for unit in self.units or () if unit.name == name), None)


def observe_health(reader: Reader, uri: str, domains: Iterable[str], *, person: str = "") -> Health:
    """Everything of it that this source can tell. ``domains`` are names, ``person`` is the user
    that the tool runs for, "" for nobody in particular."""
    return Health(
        person=person,
        units=_units(reader),
        accounts=_accounts(reader),
        kvm=_kvm(reader),
        failures=_failures(reader, uri, domains),
    )


def _units(reader: Reader) -> tuple[Unit, ...] | None:
    argv = ["systemctl", "show", f"--property={_PROPERTIES}", *_UNITS]
    try:
        done = reader.output(argv)
    except CaptureError:
        return None
    if done is None or done.rc != 0:
        return None
    blocks = (dict(_pairs(block)) for block in done.out.split("\n\n"))
    return tuple(
        Unit(block.get("Id", ""), block.get("ActiveState", ""), block.get("Result", ""))
        for block in blocks
        if block.get("LoadState") == "loaded"
    )


def _pairs(block: str) -> Iterator[tuple[str, str]]:
    for line in block.splitlines():
        key, _, value = line.partition("=")
        yield key, value


def _accounts(reader: Reader) -> Accounts | None:
    try:
        return observe_accounts(reader)
    except CaptureError:
        return None


def _kvm(reader: Reader) -> tuple[int, int] | None:
    try:
        found = reader.stat("/dev/kvm")
    except CaptureError:
        return None
    return None if found is None else (found.gid, found.mode & 0o777)


def _failures(
    reader: Reader, uri: str, domains: Iterable[str]
) -> tuple[tuple[str, tuple[str, ...]], ...] | None:
    folder = places(uri).logs
    try:
        logs = set(reader.list(folder)) if folder else None
        if logs is None:
            return None
        found = ((name, _last_failure(reader, f"{folder}/{name}.log")) for name in domains)
        return tuple((name, lines) for name, lines in found if lines)
    except (CaptureError, NeedsRoot):
        return None


def _last_failure(reader: Reader, path: str) -> tuple[str, ...]:
    size = getattr(reader.stat(path), "size", 0)
    data = reader.read_range(path, max(0, size - _TAIL), _TAIL) if size else None
    return failure((data or b"").decode("utf-8", "replace"))


# src/qemu/qemu_domain.c and qemu_process.c: what libvirt itself writes into a domain's log.
_START = re.compile(r"^\S+ \S+: starting up libvirt version.*$", re.MULTILINE)
_END = re.compile(r"^\S+ \S+: shutting down, reason=(\w+)$", re.MULTILINE)
# error_report() of QEMU: a time, the program's name, then the message.
_QEMU = re.compile(r"^(?:\S+Z )?(?:\S*/)?(?:qemu[\w.-]*|kvm): (?!warning:)(.+)$", re.MULTILINE)


def failure(log: str) -> tuple[str, ...]:
    """What QEMU said in its last start when that failed: its error lines, each once, at most 5."""
    starts = list(_START.finditer(log))
    last = log[starts[-1].end() :] if starts else log
    end = _END.search(last)
    if end is None or end[1] not in ("failed", "crashed"):
        return ()
    lines = [line.strip() for line in _QEMU.findall(last) if "terminating on signal" not in line]
    return tuple(dict.fromkeys(lines))[-5:] or (f"QEMU ended: {end[1]}",)
