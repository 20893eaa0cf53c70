"""Listings of real machines (IOMMU groups, lspci, udev databases), and the trees they imply."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.simulator.tree import USUAL_DRIVERS, TreeBuilder

_BDF = r"(?:[0-9a-f]{4,}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]"
_HEADING = re.compile(r"^\s*IOMMU [Gg]roup (\d+):?\s*$")
_LINE = re.compile(
    rf"^\s*(?:IOMMU [Gg]roup (?P<group>\d+):?\s+)?(?P<bdf>{_BDF}) (?P<name>.*?) "
    r"\[(?P<class>[0-9a-f]{4})\]: .*\[(?P<id>[0-9a-f]{4}:[0-9a-f]{4})\]"
)
_DRIVER = re.compile(r"^\s+Kernel driver in use: (\S+)")


@dataclass(frozen=True)
class Listed:
    """One function of a listing. ``driver`` None: the listing does not say."""

    bdf: str
    short_class: str
    ids: str
    group: int | None
    driver: str | None = None

    @property
    def is_bridge(self) -> bool:
        """By class."""
        return self.short_class.startswith("06")


def full(bdf: str) -> str:
    """With the domain."""
    return bdf if bdf.count(":") == 2 else f"0000:{bdf}"


def parse_groups(text: str) -> list[Listed]:
    """Group listings: a heading and device lines, or the group on each line."""
    group: int | None = None
    found: dict[str, Listed] = {}
    for line in text.splitlines():
        if heading := _HEADING.match(line):
            group = int(heading[1])
        elif match := _LINE.match(line):
            number = int(match["group"]) if match["group"] else group
            item = Listed(full(match["bdf"]), match["class"], match["id"], number)
            found[item.bdf] = item
    return list(found.values())


def parse_facts(text: str) -> list[Listed]:
    """The tab-separated form: group, address, class, id."""
    rows = (line.split("\t") for line in text.splitlines() if not line.startswith("#"))
    return [
        Listed(full(r[1]), r[2][:4], r[3], None if r[0] == "-" else int(r[0]))
        for r in rows
        if len(r) >= 4
    ]


def parse_lspci(text: str) -> list[Listed]:
    """``lspci -nnk``: no groups, but drivers."""
    found: list[Listed] = []
    for line in text.splitlines():
        if match := _LINE.match(line):
            found.append(Listed(full(match["bdf"]), match["class"], match["id"], None))
        elif (driver := _DRIVER.match(line)) and found:
            last = found.pop()
            found.append(Listed(last.bdf, last.short_class, last.ids, None, driver[1]))
    return found


def build(tree: TreeBuilder, machine: list[Listed]) -> dict[str, str]:
    """The tree of a listing. Returns the functions' sysfs paths."""
    tree.cpu()
    if any(item.group is not None for item in machine):
        tree.iommu()
    return {
        item.bdf: tree.function(
            item.bdf,
            f"0x{item.short_class}00",
            item.ids,
            driver=item.driver or USUAL_DRIVERS.get(item.short_class),
            group=item.group,
        )
        for item in machine
    }


def group_machines(root: Path) -> Iterator[tuple[str, list[Listed]]]:
    """Every machine of which a listing tells the groups."""
    for path in sorted((root / "machines/iommu-groups").glob("m*")):
        yield path.name, parse_groups(path.read_text(errors="replace"))
    for path in sorted((root / "machines/iommu-groups-facts").glob("*.tsv")):
        yield path.name, parse_facts(path.read_text())


def udev_machines(root: Path) -> Iterator[tuple[str, str]]:
    """Every udev database (``udevadm info --export-db``)."""
    for path in sorted((root / "machines/udevadm").glob("*.gz")):
        yield path.name, gzip.decompress(path.read_bytes()).decode("utf-8", "replace")


@dataclass(frozen=True)
class Entry:
    """A device of a udev database."""

    path: str
    fields: dict[str, str]


def parse_udev(text: str) -> list[Entry]:
    """The entries of a udev database."""
    out = []
    for block in text.split("\n\n"):
        lines = block.strip().splitlines()
        if lines and lines[0].startswith("P: "):
            pairs = (line[3:].partition("=")[::2] for line in lines if line.startswith("E: "))
            out.append(Entry(lines[0][3:], dict(pairs)))
    return out


def build_udev(tree: TreeBuilder, entries: list[Entry]) -> None:
    """PCI functions with their drivers, block devices and interfaces of a udev database."""
    tree.cpu()
    for entry in entries:
        path = f"/sys{entry.path}"
        kind = entry.fields.get("SUBSYSTEM", "")
        if kind == "pci":
            _pci(tree, path, entry.fields)
        elif kind == "block":
            _block(tree, path, entry.fields)
        elif kind == "net":
            tree.write(f"{path}/address", "02:00:00:00:00:01\n")
            tree.link(f"/sys/class/net/{path.rsplit('/', 1)[-1]}", path)


def _pci(tree: TreeBuilder, path: str, fields: dict[str, str]) -> None:
    bdf = path.rsplit("/", 1)[-1]
    vendor, device = fields["PCI_ID"].lower().split(":")
    tree.write(f"{path}/class", f"0x{int(fields['PCI_CLASS'], 16):06x}\n")
    tree.write(f"{path}/vendor", f"0x{vendor}\n")
    tree.write(f"{path}/device", f"0x{device}\n")
    tree.link(f"/sys/bus/pci/devices/{bdf}", path)
    if fields.get("DRIVER"):
        tree.bind(path, fields["DRIVER"])


def _block(tree: TreeBuilder, path: str, fields: dict[str, str]) -> None:
    name = tree.block(path)
    tree.numbers[name] = f"{fields['MAJOR']}:{fields['MINOR']}"
    tree.write(f"{path}/dev", tree.numbers[name] + "\n")
    if fields.get("DEVTYPE") == "partition":
        tree.write(f"{path}/partition", "1\n")
    else:
        tree.mkdir(f"{path}/slaves")
