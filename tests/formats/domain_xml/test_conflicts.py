"""What stands against a wish is found before anything is touched."""

from __future__ import annotations

import pytest

from backends.formats import domain_xml
from backends.formats.domain_xml import Hostdev, Topology, Wanted

GPU = (Hostdev("0000:41:00.0"),)
IDS = "<iothreads>2</iothreads><iothreadids><iothread id='4'/><iothread id='6'/></iothreadids>"
DISK = "<disk><driver iothread='6'/></disk>"
PINNED = "<iothreads>1</iothreads><cputune><iothreadpin iothread='1' cpuset='0'/></cputune>"
VIRTIOFS = "<filesystem><driver type='virtiofs'/></filesystem>"

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
        "<vcpu>4</vcpu><cputune><cachetune vcpus='0-3'/></cputune>",
        Wanted(vcpu=2),
        ["vm-scheduler"],
    ),
    (
        "<cputune><iothreadsched iothreads='1-2' scheduler='fifo'/></cputune>",
        Wanted(iothreads=2),
        [],
    ),
    (
        "<iothreads>2</iothreads><cputune><iothreadsched iothreads='1-2'/></cputune>",
        Wanted(iothreads=1),
        ["vm-scheduler"],
    ),
    (f"{IDS}<devices>{DISK}</devices>", Wanted(iothreads=1), []),
    (f"{IDS}<devices>{DISK}</devices>", Wanted(iothreads=0), ["vm-iothreads"]),
    (IDS, Wanted(iothreads=2, iothreadpin=("0",)), ["vm-iothreads"]),
    (IDS, Wanted(iothreads=3, iothreadpin=("0",)), []),
    (IDS, Wanted(iothreadpin=("0",), scsi={0: {"iothread": "1"}}), []),
    ("", Wanted(scsi={0: {"iothread": "1"}}), ["vm-iothreads"]),
    (PINNED, Wanted(iothreads=0), ["vm-iothreads"]),
    (PINNED, Wanted(iothreads=1, iothreadpin=("1",)), []),
    (PINNED, Wanted(vcpu=1), []),
    ("<maxMemory unit='G'>2</maxMemory>", Wanted(memory="4G"), ["vm-memory-max"]),
    ("<maxMemory unit='G'>4</maxMemory>", Wanted(memory="4G"), []),
    (f"<devices>{VIRTIOFS}</devices>", Wanted(access="private"), ["vm-memory-backing"]),
    (f"<devices>{VIRTIOFS}</devices>", Wanted(access="shared"), []),
    (
        "<numatune><memnode cellid='0' mode='strict' nodeset='0'/></numatune>",
        Wanted(numatune=("restrictive", "0")),
        ["vm-numatune"],
    ),
    (
        "<numatune><memnode cellid='0' mode='strict' nodeset='0'/></numatune>",
        Wanted(numatune=("preferred", "0")),
        [],
    ),
    ("<os><type machine='microvm'/></os>", Wanted(hostdevs=GPU), ["vm-no-pci"]),
    ("<os><type machine='microvm'/></os>", Wanted(memballoon="virtio"), ["vm-no-pci"]),
    ("<os><type machine='microvm'/></os>", Wanted(memory="4G"), []),
    ("<os><type machine='vexpress-a9'/></os>", Wanted(hostdevs=GPU), []),
]
CARD = (Hostdev("0000:41:00.0", card="0000:41:00"), Hostdev("0000:41:00.1", card="0000:41:00"))
FULL = "".join(f"<rng><address type='pci' bus='0' slot='{n}'/></rng>" for n in range(32))
FREEING = Wanted(hostdevs=GPU, memballoon="none")
CASES += [
    (f"<devices>{FULL}</devices>", Wanted(hostdevs=GPU), ["vm-no-slot"]),
    (f"<devices>{FULL[: FULL.rindex('<rng')]}</devices>", Wanted(hostdevs=GPU), []),
    (f"<devices>{FULL}</devices>".replace("rng", "memballoon"), FREEING, []),
    (f"<devices>{FULL}</devices>", Wanted(hostdevs=CARD), ["vm-no-slot", "vm-no-slot"]),
    ("<devices/>", Wanted(hostdevs=CARD), []),
]
COMPLETED = [
    ("<os><type arch='armv7l' machine='vexpress-a9'/></os>", ["vm-no-pci"]),
    ("<os><type arch='s390x' machine='s390-ccw-virtio'/></os>", []),
    ("<os><type machine='q35'/></os><devices><controller type='pci'/></devices>", []),
    ("<os><type arch='x86_64'>hvm</type></os>", []),
]


@pytest.mark.parametrize(("text", "wanted", "codes"), CASES)
def test_conflicts(text: str, wanted: Wanted, codes: list[str]) -> None:
    domain = domain_xml.parse(f"<domain>{text}</domain>")
    assert [c.code for c in domain_xml.conflicts(domain, wanted.properties())] == codes


@pytest.mark.parametrize(("text", "codes"), COMPLETED)
def test_what_libvirt_has_not_added_is_not_there(text: str, codes: list[str]) -> None:
    domain = domain_xml.parse(f"<domain>{text}</domain>")
    wanted = Wanted(hostdevs=GPU).properties()
    assert [c.code for c in domain_xml.conflicts(domain, wanted, completed=True)] == codes
    assert domain_xml.conflicts(domain, wanted) == []
