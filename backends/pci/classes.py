"""PCI classes in words (PCI Code and ID Assignment Specification; include/linux/pci_ids.h)."""

from __future__ import annotations

_BASE = {
    "00": "unclassified",
    "01": "storage",
    "02": "network",
    "03": "display",
    "04": "multimedia",
    "05": "memory",
    "06": "bridge",
    "07": "communication",
    "08": "system",
    "09": "input",
    "0b": "processor",
    "0c": "serial bus",
    "0d": "wireless",
    "0e": "intelligent I/O",
    "0f": "satellite",
    "10": "encryption",
    "11": "signal processing",
    "12": "accelerator",
    "13": "instrumentation",
}
_SUB = {
    "0101": "IDE",
    "0104": "RAID",
    "0106": "SATA",
    "0107": "SAS",
    "0108": "NVMe",
    "0200": "Ethernet",
    "0207": "InfiniBand",
    "0280": "network",
    "0300": "VGA",
    "0302": "3D",
    "0380": "display",
    "0401": "audio",
    "0403": "audio",
    "0580": "memory",
    "0600": "host bridge",
    "0601": "ISA bridge",
    "0604": "PCI bridge",
    "0609": "PCI bridge",
    "0700": "serial port",
    "0780": "communication",
    "0806": "IOMMU",
    "0880": "system",
    "0c00": "FireWire",
    "0c03": "USB",
    "0c05": "SMBus",
    "0d11": "Bluetooth",
    "0d80": "wireless",
    "1080": "encryption",
    "1180": "signal processing",
    "1200": "accelerator",
}


def class_name(short_class: str) -> str:
    """A word or two for a class of four hex digits, the digits themselves if it is not known."""
    return _SUB.get(short_class) or _BASE.get(short_class[:2]) or f"class {short_class}"
