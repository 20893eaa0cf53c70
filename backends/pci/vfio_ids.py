"""Ids by which vfio-pci takes every function that has them: told to it by files of others.

Sources: modprobe.d(5) for the folders and which file hides which, drivers/vfio/pci/vfio_pci.c
(vfio_pci_fill_ids) for the format: VENDOR:DEVICE[:SUBVENDOR:SUBDEVICE[:CLASS:MASK]], hexadecimal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from backends.formats.modprobe_conf import option_values, parse_modprobe_conf
from backends.pci.functions import PciFunction
from backends.reader import Reader
from specs.record import Record

_FOLDERS = ("/etc/modprobe.d", "/run/modprobe.d", "/usr/lib/modprobe.d", "/lib/modprobe.d")
_ANY = 0xFFFFFFFF  # PCI_ANY_ID


class VfioIds(Record):
    """``ids`` as ``source`` (a file, or a kernel argument) gives them."""

    source: str
    ids: tuple[str, ...]


def observe_vfio_ids(reader: Reader) -> tuple[VfioIds, ...]:
    """From every file of modprobe's that counts, ours as well."""
    found = []
    for path in _files(reader):
        directives = parse_modprobe_conf(reader.read_text(path, optional=True) or "")
        values = option_values(directives, "vfio-pci", "ids")
        if values:
            found.append(VfioIds(path, _split(values)))
    return tuple(found)


def ids_of_arguments(words: Iterable[str]) -> VfioIds | None:
    """From the kernel's arguments; modprobe(8) reads them as the kernel does."""
    pairs = [word.partition("=") for word in words]
    names = ("vfio_pci.ids", "vfio-pci.ids")
    values = [value for name, _, value in pairs if name in names]
    return VfioIds("the kernel command line", _split(values)) if values else None


def takes(ids: str, function: PciFunction) -> bool:
    """Whether vfio-pci takes a function by one of these; what it cannot read it passes over."""
    try:
        fields = [int(field, 16) for field in ids.split(":")]
    except ValueError:
        return False
    if not 2 <= len(fields) <= 6:
        return False
    there = (function.vendor, function.device, function.subsystem_vendor, function.subsystem_device)
    pairs = zip(fields[:4], (int(text or "0", 16) for text in there), strict=False)
    mask = fields[5] if len(fields) == 6 else 0
    code = fields[4] if len(fields) > 4 else 0
    same_class = (int(function.class_code, 16) ^ code) & mask == 0
    return same_class and all(wanted in (_ANY, is_) for wanted, is_ in pairs)


def _split(values: Iterable[str]) -> tuple[str, ...]:
    words = (word for value in values for word in value.strip('"').split(","))
    return tuple(word.strip() for word in words if word.strip())


def _files(reader: Reader) -> Iterator[str]:
    """A name in an earlier folder hides the same name in a later one."""
    seen: set[str] = set()
    for folder in _FOLDERS:
        names = [n for n in reader.list(folder) if n.endswith(".conf") and n not in seen]
        seen.update(names)
        yield from (f"{folder}/{name}" for name in names)
