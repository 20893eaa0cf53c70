"""Every property: set once, set twice, undone; whatever else the domain has survives."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.formats import domain_xml
from backends.formats.domain_xml import Evdev, Hostdev, Shmem, Topology, Wanted, edit
from backends.formats.domain_xml.edit import PROPERTIES, split
from tests.formats.domain_xml.canonical import canonical

FOREIGN = (
    '<metadata><x:a xmlns:x="urn:x"> text <!-- note --><![CDATA[</domain> & ]]></x:a></metadata>',
    '<qemu:commandline><qemu:arg value="-s"/></qemu:commandline>',
    "<title>&lt;b&gt; &amp; &#9; \u00fc</title>",
    "<seclabel type='none'/>",
    "<!-- a comment -->",
    "<unheard_of><of/></unheard_of>",
)
MACHINE = (
    "<vcpu placement='auto' cpuset='0-3' current='1'>2</vcpu>",
    "<vcpus><vcpu id='0' enabled='yes'/></vcpus>",
    "<cpu mode='host-passthrough'><topology sockets='2' cores='1' threads='1'/><cache/></cpu>",
    "<cpu><numa><cell id='0' cpus='0-1' memory='1' unit='GiB'/></numa></cpu>",
    "<iothreads>2</iothreads>",
    "<iothreadids><iothread id='1'/><iothread id='2'/></iothreadids>",
    "<cputune><shares>9</shares><vcpupin vcpu='1' cpuset='1-4,^3'/></cputune>",
    "<cputune><emulatorpin cpuset='0,1'/></cputune>",
    "<features><acpi/><kvm><hidden state='off'/></kvm></features>",
    "<features><hyperv mode='passthrough'><relaxed state='on'/></hyperv></features>",
)
MEMORY = (
    "<memory unit='GB'>4</memory>",
    "<currentMemory>1048576</currentMemory>",
    "<memoryBacking><hugepages/><nosharepages/></memoryBacking>",
    "<memoryBacking><hugepages><page size='1' unit='G' nodeset='0'/></hugepages></memoryBacking>",
    "<memoryBacking><locked/><source type='memfd'/></memoryBacking>",
    "<numatune><memory mode='preferred' placement='auto'/></numatune>",
    "<numatune><memory nodeset='1'/><memnode cellid='0' nodeset='1'/></numatune>",
)
DEVICES = (
    "<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0' bus='65'"
    " slot='0' function='0'/></source><rom bar='on' file='/old'/></hostdev>",
    "<interface type='hostdev'><source><address type='pci' domain='0x0000' bus='0x41' slot='0x00'"
    " function='0x1'/></source></interface>",
    "<hostdev mode='subsystem' type='usb'><source><vendor id='1'/></source></hostdev>",
    "<memballoon model='virtio'><stats period='5'/></memballoon>",
    "<controller type='scsi' index='0' model='lsilogic'/>",
    "<controller type='pci' index='0' model='pcie-root'/>",
    "<disk device='disk'><target dev='sda' bus='scsi'/></disk>",
    "<disk device='cdrom'><target dev='sdb' bus='scsi'/></disk>",
    "<disk><driver name='qemu' type='qcow2' cache='none'/><target dev='vda' bus='virtio'/></disk>",
    "<shmem name='lg'><model type='ivshmem-plain'/><size unit='M'>64</size></shmem>",
    "<input type='evdev'><source dev='/dev/input/a b' grab='all'/></input>",
    "<video><model type='qxl'/></video>",
)


def domain(parts: Sequence[str], devices: Sequence[str]) -> str:
    """A definition of these elements; of two with one name only the first counts."""
    kept = {part.split(None, 1)[0].split(">")[0]: part for part in reversed(parts)}
    return (
        "<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\n"
        f"  <name>a</name>\n{''.join(kept.values())}<devices>{''.join(devices)}</devices></domain>"
    )


def some(pool: Sequence[str]) -> st.SearchStrategy[list[str]]:
    """Some of these, in any order."""
    return st.lists(st.sampled_from(pool), unique=True, max_size=len(pool))


domains = st.builds(
    lambda a, b, c, devices: domain([*a, *b, *c], devices),
    some(FOREIGN),
    some(MACHINE),
    some(MEMORY),
    some(DEVICES),
)
ALL = Wanted(
    hostdevs=(
        Hostdev("0000:41:00.0", "no", rom="/r.rom", rom_bar=True),
        Hostdev("0000:41:00.1", "yes"),
        Hostdev("0000:42:00.0", "no", card="0000:42:00"),
        Hostdev("0000:42:00.1", "no", card="0000:42:00"),
    ),
    vcpu=4,
    topology=Topology(1, 2, 2),
    vcpupin=("2", "3", "2-3", "8-9"),
    emulatorpin="0-1",
    iothreads=3,
    iothreadpin=("0", "1", "0-1"),
    memory="2G",
    hugepages="2M",
    locked=True,
    nosharepages=False,
    source="memfd",
    access="shared",
    allocation="immediate",
    numatune=("strict", "0"),
    kvm_hidden=True,
    vendor_id="abc",
    memballoon="none",
    scsi={0: {"queues": "4"}, 3: {}},
    shmem=(Shmem("lg", "32M"), Shmem("other", "1M")),
    evdev=(Evdev("/dev/input/a b", grab="all", repeat="on", grab_toggle="alt-alt"),),
    discard="unmap",
).properties()


def subset(keys: list[str]) -> dict[str, str]:
    """These of ALL, and the devices that a ROM or a card belongs to."""
    needed = {
        *keys,
        *("hostdev[" + key.partition("[")[2] if key.startswith("rom.") else key for key in keys),
    }
    if "card[0000:42:00]" in keys:
        needed |= {"hostdev[0000:42:00.0]", "hostdev[0000:42:00.1]"}
    return {key: value for key, value in ALL.items() if key in needed}


wanted = st.lists(st.sampled_from(sorted(ALL)), unique=True).map(subset)


@settings(max_examples=60)
@given(domains, wanted)
def test_an_edit_makes_it_so_and_a_second_one_changes_nothing(
    xml: str, want: dict[str, str]
) -> None:
    once = edit(xml, want)
    assert domain_xml.differences(domain_xml.parse(once.xml), want) == []
    assert edit(once.xml, want) == domain_xml.Edited(once.xml, ())


@settings(max_examples=60)
@given(domains, wanted)
def test_undo_gives_back_what_was_there(xml: str, want: dict[str, str]) -> None:
    done = edit(xml, want)
    undone = domain_xml.restore(done.xml, xml, [d.key for d in done.differences])
    assert canonical(undone) == canonical(xml)


@settings(max_examples=60)
@given(domains, wanted, some(FOREIGN))
def test_an_edit_takes_nothing_away_that_is_not_owned(
    xml: str, want: dict[str, str], foreign: list[str]
) -> None:
    present = [text for text in FOREIGN if domain([text], [])[100:-30] and text in xml]
    after = edit(xml, want).xml
    for text in present:
        piece = canonical(domain([text], [])).split("<name>a</name>")[1]
        piece = piece.removesuffix("</domain>").replace("<devices></devices>", "")
        assert piece in canonical(after)


def test_nothing_wanted_gives_the_same_text() -> None:
    xml = domain(FOREIGN + MACHINE, DEVICES)
    assert edit(xml, {}).xml is xml


@pytest.mark.parametrize("key", sorted({split(key)[0] for key in PROPERTIES}))
def test_every_property_is_set_by_what_is_tested_here(key: str) -> None:
    assert key in {split(wanted)[0] for wanted in ALL}


NOTATIONS = [
    ("vcpupin", "<cputune><vcpupin vcpu='0' cpuset='1-4,^3'/></cputune>", "0=1-2,4"),
    ("memory", "<memory unit='GB'>4</memory>", "3906250K"),
    ("memory", "<memory>1048576</memory>", "1G"),
    ("hugepages", "<memoryBacking><hugepages/></memoryBacking>", "default"),
    (
        "hugepages",
        "<memoryBacking><hugepages><page size='2048'/><page size='1' unit='G' nodeset='1'/>"
        "</hugepages></memoryBacking>",
        "2M,1G@1",
    ),
    ("numatune", "<numatune><memory nodeset='0,1'/></numatune>", "mode=strict nodeset=0-1"),
    ("hostdev[0000:41:00.0]", f"<devices>{DEVICES[0]}</devices>", "managed=yes"),
    ("hostdev[0000:41:00.1]", f"<devices>{DEVICES[1]}</devices>", "managed=no"),
    ("rom.file[0000:41:00.0]", f"<devices>{DEVICES[0]}</devices>", "/old"),
    ("vcpu", "", "1"),
    ("iothreads", MACHINE[5], "2"),
]


@pytest.mark.parametrize(("key", "text", "value"), NOTATIONS)
def test_values_are_read_in_one_notation(key: str, text: str, value: str) -> None:
    assert domain_xml.read(f"<domain>{text}</domain>", [key]) == {key: value}


def test_discard_reaches_the_disks_that_can_pass_it_on() -> None:
    done = edit(domain([], DEVICES), {"discard": "unmap"})
    assert [d.key for d in done.differences] == ["discard[vda]"]
    scsi = edit(domain([], DEVICES), Wanted(scsi={0: {}}, discard="unmap").properties())
    assert {d.key for d in scsi.differences} == {"scsi[0]", "discard[vda]", "discard[sda]"}


def test_an_iothread_pin_brings_the_iothreads_it_needs() -> None:
    done = edit("<domain/>", Wanted(iothreadpin=("0", "1")).properties())
    assert "<iothreads>2</iothreads>" in done.xml


def test_a_hostdev_that_works_either_way_is_left_as_it_is() -> None:
    xml = domain([], DEVICES[:1])
    assert edit(xml, {"hostdev[0000:41:00.0]": "managed=any"}).xml == xml
    assert "managed='no'" in edit(
        "<domain/>", {"hostdev[0000:41:00.0]": "managed=any"}
    ).xml.replace('"', "'")


def test_a_restored_device_gives_way_to_one_that_took_its_guest_address() -> None:
    balloon = "<memballoon model='virtio'><address type='pci' bus='0x02' slot='0x00'/></memballoon>"
    before = f"<domain><devices>{balloon}</devices></domain>"
    now = before.replace("<memballoon model='virtio'>", "<rng>").replace("memballoon>", "rng>")
    now = edit(now, {"memballoon": "none"}).xml
    after = domain_xml.restore(now, before, ["memballoon"])
    assert after.count("<address") == 1
    assert "<rng><address" in after
