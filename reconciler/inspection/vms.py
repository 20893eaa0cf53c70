"""Domains: where their threads, memory and devices are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from backends.libvirt.health import Health
from backends.libvirt.state import DomainState
from reconciler.inspection.model import VmPart
from reconciler.observe import HostState
from specs.record import Record


def vms(state: HostState, health: Health | None = None) -> tuple[VmPart, ...]:
    """Every domain that libvirt shows; by its definition, or by what runs where it has none."""
    failures = dict((health.failures if health else None) or ())
    return tuple(_vm(domain, failures.get(domain.name, ())) for domain in state.libvirt.domains)


_KEYS = ("vcpu", "vcpupin", "emulatorpin", "memory", "hugepages", "numatune")


class _Definition(Record):
    """What of a definition concerns the host."""

    values: Mapping[str, str | None]
    devices: tuple[str, ...] = ()

    def text(self, key: str) -> str:
        return self.values.get(key) or ""


def _vm(domain: DomainState, failed: tuple[str, ...]) -> VmPart:
    named = VmPart(
        name=domain.name,
        uuid=domain.uuid,
        state=domain.state,
        autostart=domain.autostart,
        persistent=domain.persistent,
        failed=failed,
    )
    return defined(named, domain.inactive or domain.live or "")


def defined(vm: VmPart, xml: str) -> VmPart:
    """The VM with what a definition says of it."""
    found = _read(xml)
    vcpus = int(found.text("vcpu") or 0) or None
    pins = dict(_pairs(found.text("vcpupin")))
    memory = dict(_pairs(found.text("numatune")))
    said: dict[str, object] = {
        "vcpus": vcpus,
        "vcpupin": tuple(pins.get(str(n), "") for n in range(vcpus or 0)) if pins else (),
        "emulatorpin": found.text("emulatorpin"),
        "memory": found.text("memory"),
        "hugepages": found.text("hugepages"),
        "numatune": " ".join(memory.get(key, "") for key in ("mode", "nodeset")).strip(),
        "devices": found.devices,
    }
    return vm.model_copy(update=said)


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for word in text.split():
        key, _, value = word.partition("=")
        yield key, value


def _read(xml: str) -> _Definition:
    """Nothing where there is no definition, or one that cannot be read."""
    from backends.formats.domain_xml import DomainXmlError, parse, read
    from backends.formats.domain_xml.units import pci_text

    try:
        domain = parse(xml)
    except DomainXmlError:
        return _Definition({})
    nodes = domain.findall("devices/hostdev[@type='pci']/source/address")
    addresses = tuple(text for node in nodes if (text := pci_text(node)))
    return _Definition(read(domain, _KEYS), addresses)
