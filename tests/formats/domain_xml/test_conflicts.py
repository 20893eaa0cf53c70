"""What stands against a wish is found before anything is touched."""

from __future__ import annotations

import pytest

from backends.formats import domain_xml
from backends.formats.domain_xml import Topology, Wanted

CASES = [
    ("<vcpu>2</vcpu>", Wanted(topology=Topology(1, 2, 2)), ["vm-topology"]),
    (
        "<vcpu>4</vcpu><cpu><topology sockets='1' cores='2' threads='2'/></cpu>",
        Wanted(vcpu=8),
        ["vm-topology"],
    ),
    ("<vcpu>2</vcpu>", Wanted(vcpu=4, topology=Topology(1, 2, 2)), []),
    (
        "<cpu><numa><cell memory='1048576'/><cell memory='1048576'/></numa></cpu>"
        "<memory>2097152</memory>",
        Wanted(memory="4G"),
        ["vm-memory-cells"],
    ),
    (
        "<cpu><numa><cell cpus='0-1' memory='9'/><cell cpus='2-3' memory='9'/></numa></cpu>",
        Wanted(vcpu=6),
        ["vm-numa-cells"],
    ),
    (
        "<memory>1048576</memory><memoryBacking><source type='anonymous'/></memoryBacking>",
        Wanted(hugepages="2M"),
        ["vm-memory-backing"],
    ),
    (
        "<memory>1048576</memory><memoryBacking><source type='anonymous'/></memoryBacking>",
        Wanted(hugepages="2M", source="memfd"),
        [],
    ),
    ("<memory>219100</memory>", Wanted(hugepages="2M"), ["vm-memory-pages"]),
    ("<memory>219100</memory>", Wanted(hugepages="2M", memory="1G"), []),
    ("<vcpu>1</vcpu>", Wanted(vcpupin=("0", "1")), ["vm-vcpupin"]),
    (
        "<vcpu>8</vcpu><cputune><vcpusched vcpus='4-6' scheduler='fifo'/></cputune>",
        Wanted(vcpu=6),
        ["vm-scheduler"],
    ),
    (
        "<cputune><iothreadsched iothreads='1-2' scheduler='fifo'/></cputune>",
        Wanted(iothreads=2),
        [],
    ),
]


@pytest.mark.parametrize(("text", "wanted", "codes"), CASES)
def test_conflicts(text: str, wanted: Wanted, codes: list[str]) -> None:
    domain = domain_xml.parse(f"<domain>{text}</domain>")
    assert [c.code for c in domain_xml.conflicts(domain, wanted.properties())] == codes
