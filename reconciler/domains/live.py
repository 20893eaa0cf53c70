"""Pins of a running VM, moved at once when ``cputune.live`` asks for it."""

from __future__ import annotations

from collections.abc import Iterator

from backends.formats import domain_xml
from backends.libvirt import DomainState
from backends.steps import Run
from reconciler.domains.changes import Target
from reconciler.model import Change, Effective
from specs.record import replace

_OPTIONS = {
    "vcpupin": ("vcpupin", "--vcpu", "--cpulist"),
    "emulatorpin": ("emulatorpin", "", "--cpulist"),
    "iothreadpin": ("iothreadpin", "--iothread", "--cpulist"),
}


def live_pins(uri: str, domain: DomainState, target: Target) -> tuple[Change, ...]:
    """The change that moves the threads of a running VM (virsh(1), vcpupin --live)."""
    if domain.live is None:
        return ()
    running = domain_xml.parse(domain.live)
    wanted = {k: v for k, v in target.properties.items() if k in _OPTIONS}
    found = [d for d in domain_xml.differences(running, wanted) if d.key in _OPTIONS]
    if not found:
        return ()
    steps = tuple(
        Run(("virsh", "--quiet", "--connect", uri, *argv), timeout=60.0)
        for difference in found
        for argv in _commands(difference.key, difference.after, domain.uuid)
    )
    change = Change(
        id=f"pins:{domain.name}",
        kind="domain",
        object=domain.name,
        field="running pins",
        before={d.key: d.before for d in found},
        after={d.key: d.after for d in found},
        because=f"{target.where}.cputune.live",
        steps=steps,
        requires=frozenset({f"domain:{domain.name}"}),
    )
    return (change,)


def at_once(change: Change | None) -> Change | None:
    """A change of nothing but pins waits for no restart when the running ones are moved too."""
    if change is None or change.field == "record":
        return change
    keys = {*(change.before or {}), *(change.after or {})}
    return replace(change, effective=Effective.NOW) if keys <= {*_OPTIONS} else change


def _commands(key: str, value: str, uuid: str) -> Iterator[tuple[str, ...]]:
    name, number, cpus = _OPTIONS[key]
    for word in value.split():
        which, _, cpulist = word.rpartition("=")
        numbered = (number, which) if number else ()
        yield (name, f"--domain={uuid}", *numbered, cpus, cpulist, "--live")
