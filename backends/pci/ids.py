"""Names of PCI vendors and devices from the host's own pci.ids (format: its header comment)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from backends.reader import Reader
from specs.record import Record, field

# Debian and Arch; Fedora and openSUSE; a file that update-pciids fetched.
PLACES = ("/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids", "/usr/share/pci.ids")


_NEXT_BLOCK = re.compile(r"\n(?![\t#\n])")


class PciNames:
    """Vendor and device names, looked up in the text only for the vendors that are asked for."""

    def __init__(self, text: str = "") -> None:
        # A vendor's block starts at the beginning of a line and ends before the next such line.
        self._text = "\n" + text
        self._vendors: dict[str, tuple[str, dict[str, str]]] = {}

    def vendor(self, vendor: str) -> str:
        """The vendor's name, or an empty string."""
        return self._block(vendor)[0]

    def device(self, vendor: str, device: str) -> str:
        """The device's name, or an empty string."""
        return self._block(vendor)[1].get(device, "")

    def name(self, vendor: str, device: str) -> str:
        """``Vendor Device``, with the ids in place of what the file does not know."""
        known = self.vendor(vendor)
        if not known:
            return f"[{vendor}:{device}]"
        return f"{known} {self.device(vendor, device) or f'[{device}]'}"

    def _block(self, vendor: str) -> tuple[str, dict[str, str]]:
        if vendor not in self._vendors:
            self._vendors[vendor] = self._parse(vendor)
        return self._vendors[vendor]

    def _parse(self, vendor: str) -> tuple[str, dict[str, str]]:
        start = self._text.find(f"\n{vendor}  ")
        if len(vendor) != 4 or start < 0:
            return "", {}
        end = _NEXT_BLOCK.search(self._text, start + 1)
        block = self._text[start + 1 : end.start() if end else len(self._text)]
        head, *lines = block.split("\n")
        devices = (line for line in lines if line[:1] == "\t" and line[1:2] not in ("\t", ""))
        return head[6:].strip(), {line[1:5]: line[7:].strip() for line in devices}


def read_names(reader: Reader, wanted: Iterable[str] = ()) -> PciNames:
    """The first database that the host has; none means ids instead of names."""
    for place in PLACES:
        text = reader.read_text(place, optional=True)
        if text:
            names = PciNames(text)
            for vendor in wanted:
                names.vendor(vendor)
            return names
    return PciNames()


class NameTable(Record):
    """The names of the functions that a host has: vendors by id, devices by ``vendor:device``."""

    vendors: Mapping[str, str] = field(default_factory=dict)
    devices: Mapping[str, str] = field(default_factory=dict)

    def name(self, vendor: str, device: str) -> str:
        """``Vendor Device``, with the ids in place of what is not known."""
        known = self.vendors.get(vendor)
        if not known:
            return f"[{vendor}:{device}]"
        return f"{known} {self.devices.get(f'{vendor}:{device}') or f'[{device}]'}"

    def to_text(self) -> str:
        """A pci.ids that holds no more than this."""
        lines = []
        for vendor, name in sorted(self.vendors.items()):
            lines.append(f"{vendor}  {name}")
            own = (i for i in sorted(self.devices) if i.startswith(f"{vendor}:"))
            lines += [f"\t{i.partition(':')[2]}  {self.devices[i]}" for i in own]
        return "".join(f"{line}\n" for line in lines)


def observe_names(reader: Reader, ids: Iterable[str]) -> NameTable:
    """The names of these ``vendor:device`` ids in the host's own database."""
    names = read_names(reader)
    vendors: dict[str, str] = {}
    devices: dict[str, str] = {}
    for key in dict.fromkeys(ids):
        vendor, _, device = key.partition(":")
        if name := names.vendor(vendor):
            vendors[vendor] = name
        if name := names.device(vendor, device):
            devices[key] = name
    return NameTable(vendors, devices)
