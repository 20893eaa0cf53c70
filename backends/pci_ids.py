"""Names of PCI vendors and devices from the host's own pci.ids (format: its header comment)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from backends.reader import Reader

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
