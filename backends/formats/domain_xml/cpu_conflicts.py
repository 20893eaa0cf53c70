"""vCPUs and iothreads of a domain against what is wanted of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from backends.formats.domain_xml import base, guest, iothreads, units
from backends.formats.domain_xml.conflict import Conflict
from specs.values import CpuSet

if TYPE_CHECKING:
    from lxml.etree import _Element

# What names vCPUs beside the pins; libvirt refuses it, or silently cuts it, beyond the last one.
_PINS = "cputune/iothreadpin"
_BY_VCPU = ("cputune/vcpusched", "cputune/cachetune", "cputune/memorytune")


def find(domain: _Element, wanted: Mapping[str, str]) -> Iterator[Conflict]:
    """All of them."""
    yield from _topology(domain, wanted)
    yield from _cells(domain, wanted)
    yield from _extra_pins(domain, wanted)
    yield from _named_vcpus(domain, wanted)
    yield from _iothreads(domain, wanted)


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
    cpus = sum(len(units.cpuset(cell.get("cpus", "")) or ()) for cell in cells)
    if "vcpu" in wanted and len(cells) > 1 and cpus != int(wanted["vcpu"]):
        yield Conflict(
            "vm-numa-cells",
            f"the {len(cells)} guest NUMA cells name {cpus} vCPUs, {wanted['vcpu']} are wanted",
            "leave vm.vcpu out, or change the cells in the domain itself",
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


def _named_vcpus(domain: _Element, wanted: Mapping[str, str]) -> Iterator[Conflict]:
    for path in _BY_VCPU if "vcpu" in wanted else ():
        count = int(wanted["vcpu"])
        if beyond := CpuSet(n for n in _named(domain, path, "vcpus") if n >= count):
            yield _scheduler(path, f"vCPU {beyond}, {count} vCPU(s) are wanted")


def _iothreads(domain: _Element, wanted: Mapping[str, str]) -> Iterator[Conflict]:
    """What needs an iothread that will not be there."""
    if "iothreads" in wanted:
        left = iothreads.after(domain, int(wanted["iothreads"]))
    else:
        pinned = len(base.bag(wanted.get("iothreadpin")))
        left = iothreads.after(domain, iothreads.needed(domain, pinned))
    scheduled = set(_named(domain, "cputune/iothreadsched", "iothreads"))
    if "iothreads" in wanted and (beyond := CpuSet(scheduled - left)):
        yield _scheduler("cputune/iothreadsched", f"iothread {beyond}, which would not be there")
    for user, number in _wanting(domain, wanted):
        if number not in left:
            ids = str(CpuSet(left)) or "none"
            yield Conflict(
                "vm-iothreads",
                f"{user} needs iothread {number}; the domain would have: {ids}",
                "declare more iothreads, or change their ids in the domain itself",
            )


def _wanting(domain: _Element, wanted: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    if "iothreads" in wanted:
        yield from iothreads.used(domain)
    if "iothreadpin" not in wanted:
        yield from (("a pin", number) for number in _named(domain, _PINS, "iothread"))
    for number in base.bag(wanted.get("iothreadpin")):
        yield "a pin", int(number)
    for key, value in wanted.items():
        thread = base.bag(value).get("iothread")
        if key.startswith("scsi[") and thread is not None:
            yield f"the controller {key}", int(thread)


def _named(domain: _Element, path: str, attribute: str) -> Iterator[int]:
    for node in domain.findall(path):
        yield from units.cpuset(node.get(attribute, "")) or ()


def _scheduler(path: str, text: str) -> Conflict:
    tag = path.rpartition("/")[2]
    hint = "change that element in the domain itself"
    return Conflict("vm-scheduler", f"<{tag}> names {text}", hint)
