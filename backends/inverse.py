"""What undoes a step, computed from the host just before the step is performed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backends.reader import Reader
from backends.steps import (
    RemoveFile,
    RenameFile,
    Run,
    Step,
    WriteAttribute,
    WriteFile,
)
from specs.record import replace

if TYPE_CHECKING:
    from backends.host import Host


_BUS = "/sys/bus/pci"


def inverse(host: Host, step: Step) -> tuple[Step, ...]:
    """Steps that bring back what ``step`` is about to change, in the order to perform them.

    A program that regenerates something is its own inverse once its inputs are back; what it was
    to make of the new ones is not expected then.
    """
    reader = host.reader
    if isinstance(step, RenameFile) and step.again:
        return (Run(step.again, timeout=1800), step)
    if isinstance(step, (WriteFile, RemoveFile, RenameFile)):
        return (restore(host, step.path),)
    if isinstance(step, WriteAttribute):
        return _attribute(reader, step)
    if isinstance(step, Run):
        files = tuple(restore(host, path) for path in step.touches)
        undo = (Run(step.undo, timeout=step.timeout),) if step.undo else ()
        return (*files, *undo, *((_again(step),) if step.regenerates else ()))
    return host.inverse_of_define(step)


def restore(host: Host, path: str) -> Step:
    """The step that makes ``path`` what it is now: bytes, mode, owner and attributes."""
    reader = host.reader
    content, stat = reader.read_bytes(path), reader.stat(path)
    if content is None or stat is None:
        return RemoveFile(path, missing_folders(reader, path))
    return WriteFile(path, content, stat.mode, host.marks(path))


def is_back(host: Host, undo: Step) -> bool:
    """Whether a file is as ``undo`` would make it, and needs none: the step failed before it had
    changed anything, and what made it fail would make the undo fail as well."""
    return isinstance(undo, (WriteFile, RemoveFile)) and undo == restore(host, undo.path)


def _again(step: Run) -> Run:
    expect = step.expect
    return replace(step, expect=None) if expect and (expect.args or expect.absent) else step


def missing_folders(reader: Reader, path: str) -> tuple[str, ...]:
    """The folders above ``path`` that do not exist yet, innermost first."""
    missing = []
    folder = path.rpartition("/")[0]
    while folder and not reader.exists(folder):
        missing.append(folder)
        folder = folder.rpartition("/")[0]
    return tuple(missing)


def _attribute(reader: Reader, step: WriteAttribute) -> tuple[Step, ...]:
    if step.undo is not None:
        return tuple(
            WriteAttribute(path, value, optional=True, tolerate=step.tolerate)
            for path, value in step.undo
        )
    pairs = _binding(reader, step)
    if pairs is None:
        before = reader.read_text(step.path, optional=True)
        pairs = () if before is None else ((step.path, before),)
    return tuple(WriteAttribute(p, v, optional=True, tolerate=step.tolerate) for p, v in pairs)


def _binding(reader: Reader, step: WriteAttribute) -> tuple[tuple[str, str], ...] | None:
    """What undoes an order to the PCI bus, which holds nothing that could be written back; None for
    any other attribute. Source: Documentation/ABI/testing/sysfs-bus-pci."""
    folder, _, name = step.path.rpartition("/")
    if not folder.startswith(_BUS):
        return None
    if name == "driver_override":  # it reads (null) where it is not set, and a newline clears it
        before = (reader.read_text(step.path, optional=True) or "").removeprefix("(null)")
        address = folder.rpartition("/")[2]
        return ((step.path, before or "\n"), (f"{_BUS}/drivers_probe", address))
    address = step.value.strip()
    bound = reader.readlink(f"{_BUS}/devices/{address}/driver") is not None
    if name == "unbind":
        return ((f"{folder}/bind", address),) if bound else ()
    if name in ("drivers_probe", "bind"):
        return () if bound else ((f"{_BUS}/devices/{address}/driver/unbind", address),)
    return None


def in_order(undo: list[tuple[Step, ...]]) -> list[Step]:
    """One list that undoes several steps: the last first, and programs that regenerate once each
    after every file is back, in the order in which they ran."""
    backwards = [step for steps in reversed(undo) for step in steps if not _makes_again(step)]
    again = dict.fromkeys(step for steps in undo for step in steps if _makes_again(step))
    return [*backwards, *again]


def _makes_again(step: Step) -> bool:
    return isinstance(step, Run) or (isinstance(step, RenameFile) and bool(step.again))
