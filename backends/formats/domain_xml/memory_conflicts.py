"""The memory of a domain, and what backs it, against what is wanted of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from backends.formats.domain_xml import base, guest, units
from backends.formats.domain_xml.conflict import Conflict

if TYPE_CHECKING:
    from lxml.etree import _Element

_SHARED = (
    ("filesystem", "devices/filesystem/driver[@type='virtiofs']"),
    ("disk", "devices/disk[@type='vhostuser']"),
)


def find(domain: _Element, wanted: Mapping[str, str]) -> Iterator[Conflict]:
    """All of them."""
    yield from _cells(domain, wanted)
    yield from _maximum(domain, wanted)
    yield from _backing(domain, wanted)
    yield from _sharing(domain, wanted)
    yield from _page_multiple(domain, wanted)
    yield from _nodes(domain, wanted)


def _cells(domain: _Element, wanted: Mapping[str, str]) -> Iterator[Conflict]:
    cells = domain.findall("cpu/numa/cell")
    extra = domain.findall("devices/memory")
    memory = guest.Memory()
    if (
        "memory" in wanted
        and (len(cells) > 1 or extra)
        and not memory.same(domain, "", wanted["memory"])
    ):
        yield Conflict(
            "vm-memory-cells",
            f"the memory of the domain is the sum of {len(cells)} guest NUMA cell(s) and "
            f"{len(extra)} memory device(s)",
            "leave vm.memory.size out, and set the sizes in the domain itself",
        )


def _maximum(domain: _Element, wanted: Mapping[str, str]) -> Iterator[Conflict]:
    most = guest.element_kib(domain.find("maxMemory"))
    if "memory" in wanted and most is not None and units.size_kib(wanted["memory"]) > most:
        yield Conflict(
            "vm-memory-max",
            f"the domain can have {units.size_text(most)} at most (<maxMemory>), "
            f"{wanted['memory']} are wanted",
            "declare less, or raise <maxMemory> in the domain itself",
        )


def _backing(domain: _Element, wanted: Mapping[str, str]) -> Iterator[Conflict]:
    if "hugepages" not in wanted:
        return
    for key, path, name, value in (
        ("source", "memoryBacking/source", "type", "anonymous"),
        ("allocation", "memoryBacking/allocation", "mode", "ondemand"),
    ):
        node = domain.find(path)
        found = wanted.get(key) or (None if node is None else node.get(name))
        if found == value:
            yield Conflict(
                "vm-memory-backing",
                f"hugepages exclude <{key} {name}='{value}'/>",
                f"remove that element from the domain, or declare vm.memory.{key}",
            )


def _sharing(domain: _Element, wanted: Mapping[str, str]) -> Iterator[Conflict]:
    """formatdomain, "Filesystems": virtiofs needs shared memory."""
    cell = domain.find("cpu/numa/cell[@memAccess='shared']")
    if wanted.get("access") != "private" or cell is not None:
        return
    for what, path in _SHARED:
        if domain.find(path) is not None:
            yield Conflict(
                "vm-memory-backing",
                f"a {what} of the domain needs shared memory, private is wanted",
                f'declare access = "shared", or take the {what} from the domain',
            )


def _page_multiple(domain: _Element, wanted: Mapping[str, str]) -> Iterator[Conflict]:
    if "hugepages" not in wanted:
        return
    page = units.size_kib(wanted["hugepages"])
    cells = domain.findall("cpu/numa/cell")
    sizes = [units.kib(cell.get("memory", ""), cell.get("unit")) for cell in cells]
    if len(cells) <= 1:
        declared = wanted.get("memory") or guest.Memory().read(domain, "")
        sizes = [None if declared is None else units.size_kib(declared)]
    for size in sizes:
        if size is not None and size % page:
            yield Conflict(
                "vm-memory-pages",
                f"{units.size_text(size)} is no multiple of the page size {wanted['hugepages']}:"
                " the guest will not start",
                "declare a vm.memory.size that is one",
                fatal=False,
            )


def _nodes(domain: _Element, wanted: Mapping[str, str]) -> Iterator[Conflict]:
    """formatdomain, "NUMA Node Tuning": restrictive goes for the whole guest or for no cell."""
    cells = [node.get("mode", "strict") for node in domain.findall("numatune/memnode")]
    mode = base.bag(wanted.get("numatune")).get("mode")
    if mode is not None and any(
        (cell == "restrictive") != (mode == "restrictive") for cell in cells
    ):
        yield Conflict(
            "vm-numatune",
            f"<memnode> binds guest cells with {', '.join(sorted(set(cells)))}, which excludes "
            f"{mode} for the domain",
            "declare the mode that the cells have, or change <memnode> in the domain itself",
        )
