"""The hosts of examples/, recorded as --capture records them."""

from __future__ import annotations

from pathlib import Path

from backends.reader import Reader, TreeReader
from backends.recorded import RecordingReader
from reconciler import capture
from tests.simulator import vm_host
from tests.simulator.hosts import HOSTS, build

# Hosts with domains: what libvirt says of them comes from a virsh of ours.
WITH_DOMAINS = {"vm-host": vm_host.reader}
NAMES = sorted([*HOSTS, *WITH_DOMAINS])


def reader_of(name: str, root: Path) -> Reader:
    """The host of that name, built under ``root``."""
    if name in WITH_DOMAINS:
        return WITH_DOMAINS[name](root)
    build(name, root)
    return TreeReader(root)


def record(name: str, root: Path) -> bytes:
    """What ``--capture`` would write on the host of that name, built under ``root``."""
    uri = "qemu:///system" if name in WITH_DOMAINS else "none"
    recorder = RecordingReader(reader_of(name, root))
    return capture.take(recorder, uri)
