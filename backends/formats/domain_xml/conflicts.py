"""What a domain has that stands against what is wanted of it, known before anything is touched.

Each of these makes libvirt refuse the definition, lose a part of it, or fail to start the guest.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backends.formats.domain_xml import base, guest, units
from backends.formats.domain_xml.card import Card, free_slot
from specs.values import CpuSet

if TYPE_CHECKING:
    from lxml.etree import _Element


@dataclass(frozen=True, slots=True)
class Conflict:
    """``fatal``: the definition cannot be made; else the guest may not start, or not as wanted."""

    code: str
    message: str
    hint: str
    fatal: bool = True


def conflicts(domain: _Element, wanted: Mapping[str, str]) -> list[Conflict]:
    """All conflicts of one domain with the wanted properties."""
    return [
        *_topology(domain, wanted),
        *_cells(domain, wanted),
        *_backing(domain, wanted),
        *_page_multiple(domain, wanted),
        *_extra_pins(domain, wanted),
        *_schedulers(domain, wanted),
        *_cards(domain, wanted),
    ]


def _count(domain: _Element, wanted: Mapping[str, str]) -> int:
    return int(wanted.get("vcpu") or guest.Vcpu().read(domain, "") or 1)


def _topology(domain: _Element, wanted: Mapping[str, str]) -> Iterator[Conflict]:
    node = domain.find("cpu/topology")
    present = {} if node is None else {str(k): str(v) for k, v in node.attrib.items()}
    words = base.bag(wanted.get("topology"))
    product = 1
    for number in {**present, **words}.values():
        product *= int(number) if number.isdigit() else 1
    if (present or words) and product != _count(domain, wanted):
        yield Conflict(
            "vm-topology",
            f"the CPU topology has {product} threads, the domain {_count(domain, wanted)} vCPUs",
            "declare vcpu and topology together: sockets * dies * cores * threads = vcpu",
        )


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
    cpus = sum(len(units.cpuset(cell.get("cpus", "")) or ()) for cell in cells)
    if "vcpu" in wanted and len(cells) > 1 and cpus != int(wanted["vcpu"]):
        yield Conflict(
            "vm-numa-cells",
            f"the {len(cells)} guest NUMA cells name {cpus} vCPUs, {wanted['vcpu']} are wanted",
            "leave vm.vcpu out, or change the cells in the domain itself",
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


def _extra_pins(domain: _Element, wanted: Mapping[str, str]) -> Iterator[Conflict]:
    count = _count(domain, wanted)
    extra = [n for n in base.bag(wanted.get("vcpupin")) if int(n) >= count]
    if extra:
        yield Conflict(
            "vm-vcpupin",
            f"the domain has {count} vCPU(s); the pins of vCPU {', '.join(extra)} have no effect",
            f"declare vcpu = {count + len(extra)}, or fewer pins",
            fatal=False,
        )


def _schedulers(domain: _Element, wanted: Mapping[str, str]) -> Iterator[Conflict]:
    for key, path, name, first in (
        ("vcpu", "cputune/vcpusched", "vcpus", 0),
        ("iothreads", "cputune/iothreadsched", "iothreads", 1),
    ):
        if key not in wanted:
            continue
        sets = [units.cpuset(node.get(name, "")) or () for node in domain.findall(path)]
        beyond = CpuSet(n for named in sets for n in named if n >= int(wanted[key]) + first)
        if beyond:
            yield Conflict(
                "vm-scheduler",
                f"<{path.rpartition('/')[2]}> names {key} {beyond}, {wanted[key]} are wanted",
                "change that element in the domain itself",
            )


def _cards(domain: _Element, wanted: Mapping[str, str]) -> Iterator[Conflict]:
    for key, value in wanted.items():
        name = key.removeprefix("card[").removesuffix("]")
        if name == key or Card().same(domain, name, value) or free_slot(copy.deepcopy(domain)):
            continue
        yield Conflict(
            "vm-no-slot",
            f"the guest has no free PCI slot for the card {name}",
            "take devices from the domain, or the functions one by one (multifunction = false)",
        )
