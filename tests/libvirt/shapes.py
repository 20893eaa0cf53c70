"""Features of domains that the corpus has few of, each as a small definition."""

from __future__ import annotations

from collections.abc import Iterator

_CELL = "<cell id='{id}' cpus='{cpus}' memory='{mib}' unit='MiB'{more}/>"
_PCI = "<address domain='0x0000' bus='{bus}' slot='{slot}' function='{function}'/>"
_QEMU = "http://libvirt.org/schemas/domain/qemu/1.0"


def _cells(*mib: int, more: str = "") -> str:
    each = (
        _CELL.format(id=n, cpus=f"{2 * n}-{2 * n + 1}", mib=size, more=more)
        for n, size in enumerate(mib)
    )
    return f"<cpu><numa>{''.join(each)}</numa></cpu>"


def _hostdev(bus: str = "0x41", function: str = "0x0", head: str = "", tail: str = "") -> str:
    source = _PCI.format(bus=bus, slot="0x00", function=function)
    return f"<hostdev mode='subsystem' type='pci' {head}><source>{source}</source>{tail}</hostdev>"


def _vf(function: str, head: str = "managed='yes'", more: str = "") -> str:
    source = _PCI.format(bus="0x41", slot="0x00", function=function).replace("<a", "<a", 1)
    source = source.replace("<address", "<address type='pci'")
    return f"<interface type='hostdev' {head}><source>{source}</source>{more}</interface>"


_DIMM = (
    "<memory model='dimm' discard='yes'><source><pagesize unit='KiB'>2048</pagesize>"
    "<nodemask>0</nodemask></source><target><size unit='MiB'>128</size><node>0</node></target>"
    "</memory>"
)
_NVDIMM = (
    "<memory model='nvdimm' access='shared'><source><path>/tmp/nvdimm</path></source>"
    "<target><size unit='MiB'>256</size><node>0</node><label><size unit='KiB'>256</size></label>"
    "</target></memory>"
)
_DISK = (
    "<disk type='file' device='disk'><driver name='qemu' type='qcow2' {driver}/>"
    "<source file='/d/{target}.qcow2'/><target dev='{target}' bus='{bus}'/>{more}</disk>"
)


def _disk(target: str, bus: str, driver: str = "", more: str = "") -> str:
    return _DISK.format(target=target, bus=bus, driver=driver, more=more)


_PORT = "<controller type='pci' model='pcie-root-port' index='{}'/>"
# Elements of <domain>, then elements of <devices>.
_Q35: dict[str, tuple[str, str]] = {
    "nothing": ("", ""),
    "no vcpu element": ("@novcpu", ""),
    "pins of four": (
        "@vcpu=4<cputune><vcpupin vcpu='0' cpuset='0'/><vcpupin vcpu='1' cpuset='1'/>"
        "<vcpupin vcpu='2' cpuset='0'/><vcpupin vcpu='3' cpuset='1'/></cputune>",
        "",
    ),
    "pins without order": (
        "<cputune><vcpupin vcpu='1' cpuset='1,^0'/><vcpupin vcpu='0' cpuset='0-1,^1'/></cputune>",
        "",
    ),
    "shares and periods": (
        "<cputune><shares>2048</shares><period>1000000</period><quota>-1</quota>"
        "<global_period>1000000</global_period><global_quota>-1</global_quota>"
        "<emulator_period>1000000</emulator_period><emulator_quota>-1</emulator_quota>"
        "<iothread_period>1000000</iothread_period><iothread_quota>-1</iothread_quota>"
        "<vcpupin vcpu='0' cpuset='0'/><emulatorpin cpuset='1'/>"
        "<vcpusched vcpus='0' scheduler='rr' priority='1'/><emulatorsched scheduler='batch'/>"
        "</cputune>",
        "",
    ),
    "scheduled vCPUs": (
        "<cputune><vcpusched vcpus='1' scheduler='fifo' priority='1'/></cputune>",
        "",
    ),
    "automatic placement": ("@placement=auto", ""),
    "automatic placement, pinned": (
        "@placement=auto<cputune><vcpupin vcpu='0' cpuset='0'/></cputune>",
        "",
    ),
    "automatic nodes": ("<numatune><memory mode='preferred' placement='auto'/></numatune>", ""),
    "a CPU set": ("@vcpu=2 cpuset='0-1' current='1'", ""),
    "vCPUs one by one": (
        "@vcpu=3 current='2'<vcpus><vcpu id='0' enabled='yes' hotpluggable='no' order='1'/>"
        "<vcpu id='1' enabled='no' hotpluggable='yes'/>"
        "<vcpu id='2' enabled='yes' hotpluggable='yes' order='2'/></vcpus>",
        "",
    ),
    "a topology": ("<cpu><topology sockets='1' dies='1' cores='2' threads='1'/></cpu>", ""),
    "a topology with dies": (
        "@vcpu=8<cpu><topology sockets='1' dies='2' cores='2' threads='2'/></cpu>",
        "",
    ),
    "iothreads": ("<iothreads>3</iothreads>", _disk("vda", "virtio", "iothread='2'")),
    "iothreads with ids": (
        "<iothreads>2</iothreads><iothreadids>"
        "<iothread id='4' thread_pool_min='1' thread_pool_max='9'/>"
        "<iothread id='6'/></iothreadids><cputune><iothreadpin iothread='6' cpuset='0'/>"
        "<iothreadsched iothreads='4' scheduler='fifo' priority='2'/></cputune>",
        _disk("vda", "virtio", "iothread='6'"),
    ),
    "an iothread of a controller": (
        "<iothreads>1</iothreads>",
        "<controller type='scsi' index='0' model='virtio-scsi'><driver iothread='1' queues='2'/>"
        f"</controller>{_disk('sda', 'scsi')}",
    ),
    "one cell": (_cells(64), ""),
    "two cells": ("@vcpu=4" + _cells(64, 64), ""),
    "two cells with pages": (
        "@vcpu=4<memoryBacking><hugepages><page size='2' unit='M' nodeset='0'/>"
        "<page size='1' unit='G' nodeset='1'/></hugepages></memoryBacking>"
        + _cells(64, 1024, more=" memAccess='shared'"),
        "",
    ),
    "cells on nodes": (
        "<numatune><memory mode='strict' nodeset='0'/>"
        "<memnode cellid='0' mode='strict' nodeset='0'/></numatune>" + _cells(64),
        "",
    ),
    "restrictive nodes": (
        "<numatune><memory mode='restrictive' nodeset='0'/>"
        "<memnode cellid='0' mode='restrictive' nodeset='0'/></numatune>" + _cells(64),
        "",
    ),
    "a cell without CPUs": (
        "<cpu><numa><cell id='0' cpus='0-1' memory='64' unit='MiB'/>"
        "<cell id='1' memory='64' unit='MiB'/></numa></cpu>",
        "",
    ),
    "memory to be added": (
        "<maxMemory slots='4' unit='GiB'>1</maxMemory>" + _cells(64),
        _DIMM,
    ),
    "room for memory": ("<maxMemory slots='16' unit='GiB'>3</maxMemory>" + _cells(64), ""),
    "non-volatile memory": (
        "<maxMemory slots='4' unit='GiB'>4</maxMemory>" + _cells(64),
        _NVDIMM,
    ),
    "less memory now": ("@current=32", ""),
    "pages by default": ("<memoryBacking><hugepages/></memoryBacking>", ""),
    "all backing": (
        "<memoryBacking><hugepages><page size='1048576' unit='KiB'/></hugepages><nosharepages/>"
        "<locked/><source type='memfd'/><access mode='shared'/>"
        "<allocation mode='immediate' threads='2'/><discard/></memoryBacking>"
        "<memtune><hard_limit unit='GiB'>8</hard_limit><swap_hard_limit unit='G'>9"
        "</swap_hard_limit></memtune>",
        "",
    ),
    "anonymous memory": (
        "<memoryBacking><source type='anonymous'/><allocation mode='ondemand'/></memoryBacking>",
        "",
    ),
    "a file per guest": (
        "<memoryBacking><source type='file'/><access mode='private'/></memoryBacking>",
        "",
    ),
    "the device is there": ("", _hostdev(head="managed='yes'")),
    "the device in another notation": (
        "",
        _hostdev(bus="65", function="0").replace("domain='0x0000' ", ""),
    ),
    "the device with everything": (
        "",
        _hostdev(
            head="managed='yes'",
            tail="<driver name='vfio'/><boot order='1'/><rom bar='off'/><alias name='ua-gpu'/>"
            "<address type='pci' domain='0x0000' bus='0x03' slot='0x00' function='0x0'"
            " multifunction='on'/>",
        ),
    ),
    "a card of two functions": (
        "",
        _hostdev(
            tail="<address type='pci' bus='0x05' slot='0x00' function='0x0' multifunction='on'/>"
        )
        + _hostdev(
            function="0x1", tail="<address type='pci' bus='0x05' slot='0x00' function='0x1'/>"
        ),
    ),
    "other devices of the host": (
        "",
        "<hostdev mode='subsystem' type='usb' managed='yes'><source startupPolicy='optional'>"
        "<vendor id='0x1234'/><product id='0xbeef'/></source></hostdev>"
        "<hostdev mode='subsystem' type='usb'><source><address bus='1' device='2'/></source>"
        "</hostdev><hostdev mode='subsystem' type='scsi' rawio='yes'><source>"
        "<adapter name='scsi_host0'/><address bus='0' target='0' unit='0'/></source></hostdev>"
        "<hostdev mode='subsystem' type='mdev' model='vfio-pci' display='off'><source>"
        "<address uuid='53764d0e-85a0-42b4-af5c-2046b460b1dc'/></source></hostdev>",
    ),
    "a VF as an interface": (
        "",
        _vf("0x0", more="<mac address='52:54:00:6d:90:01'/><vlan><tag id='42'/></vlan>"),
    ),
    "a VF that is not managed": ("", _vf("0x1", head="")),
    "teamed interfaces": (
        "",
        "<interface type='user'><mac address='52:54:00:6d:90:02'/><model type='virtio'/>"
        "<teaming type='persistent'/><alias name='ua-backup0'/></interface>"
        + _vf(
            "0x0",
            more="<mac address='52:54:00:6d:90:02'/>"
            "<teaming type='transient' persistent='ua-backup0'/>",
        ),
    ),
    "networks": (
        "",
        "<interface type='network'><source network='vf-pool' portgroup='p'/></interface>"
        "<interface type='bridge'><source bridge='br0'/><model type='e1000e'/></interface>",
    ),
    "foreign namespaces": (
        "<metadata><!-- mine --><x:a xmlns:x='urn:x' x:b='1'><x:c/>text</x:a>"
        "<y:d xmlns:y='urn:y'><!-- inside --></y:d></metadata>"
        f"<q:commandline xmlns:q='{_QEMU}'><q:arg value='-fw_cfg'/><q:arg value='a &amp; b'/>"
        "<q:env name='A' value='1'/></q:commandline>"
        f"<q:capabilities xmlns:q='{_QEMU}'><q:del capability='virtio-net.rss'/></q:capabilities>",
        "",
    ),
    "titles": (
        "<title>&lt;b&gt; \u00fcml\u00e4ut \u65e5\u672c</title>"
        "<description>a&#10;b\t c</description>"
        "<genid>43dc0cf8-809b-4adb-9bea-a9abb5f3d90e</genid>",
        "",
    ),
    "labels": (
        "<seclabel type='static' model='dac' relabel='no'><label>107:107</label></seclabel>",
        "",
    ),
    "no labels": ("<seclabel type='none'/>", ""),
    "system information": (
        "<sysinfo type='smbios'><system><entry name='serial'>x</entry></system>"
        "<oemStrings><entry>a</entry></oemStrings></sysinfo>"
        "<sysinfo type='fwcfg'><entry name='opt/com.example/name'>v</entry></sysinfo>",
        "",
    ),
    "features": (
        "<features><acpi/><apic eoi='on'/><pae/><hap state='off'/><viridian/>"
        "<hyperv><relaxed state='on'/><vapic state='on'/><spinlocks state='on' retries='8191'/>"
        "<vendor_id state='off'/></hyperv><kvm><hint-dedicated state='on'/>"
        "<poll-control state='on'/></kvm><pvspinlock state='on'/><pmu state='off'/>"
        "<vmport state='off'/><smm state='on'><tseg unit='MiB'>48</tseg></smm>"
        "<ioapic driver='qemu'/><vmcoreinfo state='on'/></features>",
        "",
    ),
    "hyperv passthrough": ("<features><acpi/><hyperv mode='passthrough'/></features>", ""),
    "hidden and another vendor": (
        "<features><hyperv><vendor_id state='on' value='other'/></hyperv>"
        "<kvm><hidden state='on'/></kvm></features>",
        "",
    ),
    "a TPM, a watchdog, vsock": (
        "",
        "<tpm model='tpm-crb'><backend type='emulator' version='2.0' persistent_state='yes'/></tpm>"
        "<watchdog model='i6300esb' action='poweroff'/><vsock model='virtio'><cid auto='no'"
        " address='7'/></vsock><rng model='virtio'><backend model='random'>/dev/urandom</backend>"
        "</rng><panic model='isa'/>",
    ),
    "an IOMMU of the guest": (
        "<features><ioapic driver='qemu'/></features>",
        "<iommu model='intel'><driver intremap='on' caching_mode='on' iotlb='on'/></iommu>",
    ),
    "secrets": (
        "",
        "<graphics type='vnc' port='-1' passwd='pa55word' passwdValidTo='2040-01-01T00:00:00'"
        " connected='keep'/><graphics type='spice' autoport='yes' passwd='53cret'/>"
        "<disk type='network' device='disk'><driver name='qemu' type='raw'/>"
        "<source protocol='https' name='a.iso'><host name='example.org' port='443'/>"
        "<cookies><cookie name='key'>c00kie</cookie></cookies></source>"
        "<target dev='vdb' bus='virtio'/></disk>"
        "<disk type='network' device='disk'><driver name='qemu' type='raw'/><auth username='u'>"
        "<secret type='ceph' usage='mine'/></auth><source protocol='rbd' name='p/i'>"
        "<host name='mon'/></source><target dev='vdc' bus='virtio'/></disk>",
    ),
    "disks": (
        "",
        _disk("vda", "virtio", "cache='none' io='native' discard='ignore' detect_zeroes='unmap'")
        + _disk("sda", "sata", "discard='unmap'")
        + _disk("sdb", "scsi")
        + _disk("sdc", "usb")
        + "<disk type='file' device='cdrom'><target dev='sdd' bus='sata'/><readonly/></disk>"
        + "<disk type='block' device='lun' rawio='yes'><source dev='/dev/sdz'/>"
        "<target dev='sde' bus='scsi'/></disk>"
        + "<disk type='nvme' device='disk'><driver name='qemu' type='raw'/>"
        "<source type='pci' managed='yes' namespace='1'>"
        "<address domain='0x0000' bus='0x51' slot='0x00' function='0x0'/></source>"
        "<target dev='vdn' bus='virtio'/></disk>",
    ),
    "a disk without a driver": (
        "",
        "<disk type='file'><source file='/d/a.img'/><target dev='vda' bus='virtio'/></disk>",
    ),
    "controllers": (
        "",
        "<controller type='scsi' index='0' model='lsilogic'/>"
        "<controller type='scsi' index='1' model='virtio-scsi'><driver max_sectors='512'/>"
        "</controller><controller type='usb' model='qemu-xhci' ports='15'/>"
        "<controller type='virtio-serial' ports='16' vectors='4'/>"
        "<controller type='sata' index='1'/>",
    ),
    "a balloon": (
        "",
        "<memballoon model='virtio' autodeflate='on' freePageReporting='on'><stats period='10'/>"
        "</memballoon>",
    ),
    "a balloon of another kind": (
        "",
        "<memballoon model='virtio-non-transitional'><driver iommu='on'/></memballoon>",
    ),
    "shared memory and inputs": (
        "",
        "<shmem name='lg' role='peer'><model type='ivshmem-plain'/><size unit='M'>64</size></shmem>"
        "<shmem name='other'><model type='ivshmem-plain'/><size unit='M'>4</size></shmem>"
        "<input type='evdev'><source dev='/dev/input/event7' grabToggle='alt-alt'/></input>"
        "<input type='evdev'><source dev='/dev/input/event8'/></input>"
        "<input type='tablet' bus='usb'/>",
    ),
    "redirection": (
        "",
        "<channel type='spicevmc'><target type='virtio' name='com.redhat.spice.0'/></channel>"
        "<graphics type='spice' autoport='yes'><listen type='none'/></graphics>"
        "<redirdev bus='usb' type='spicevmc'/><sound model='ich9'><audio id='1'/></sound>"
        "<audio id='1' type='spice'/><video><model type='qxl'/></video>",
    ),
    "filesystems": (
        "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>",
        "<filesystem type='mount' accessmode='passthrough'><driver type='virtiofs' queue='1024'/>"
        "<source dir='/srv'/><target dir='srv'/></filesystem>",
    ),
    "serial": (
        "",
        "<serial type='pty'><target port='0'/></serial><console type='pty'>"
        "<target type='virtio' port='1'/></console>"
        "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>",
    ),
    "no controller for USB": ("", "<controller type='usb' model='none'/>"),
    "all slots taken": (
        "",
        "".join(
            f"<controller type='pci' model='pcie-root-port' index='{n}'/>" for n in range(1, 9)
        ),
    ),
}
_PC: dict[str, tuple[str, str]] = {
    name: _Q35[name]
    for name in (
        "nothing",
        "the device is there",
        "disks",
        "controllers",
        "secrets",
        "a VF as an interface",
        "a balloon",
    )
}
_MICROVM = {
    "nothing": ("", "<controller type='usb' model='none'/><memballoon model='none'/>"),
}


def shapes() -> Iterator[tuple[str, str]]:
    """Name and definition of each."""
    for machine, table in {"q35": _Q35, "pc": _PC, "microvm": _MICROVM}.items():
        for name, (top, devices) in table.items():
            yield f"{machine}: {name}", _definition(machine, top, devices)


def _definition(machine: str, top: str, devices: str) -> str:
    """``@`` words at the front of ``top`` change what every definition has."""
    vcpu, current = "<vcpu>2</vcpu>", ""
    if top.startswith("@"):
        word, _, rest = top[1:].partition("<")
        top = rest and f"<{rest}"
        name, _, value = word.partition("=")
        if name == "vcpu":
            number, _, attributes = value.partition(" ")
            vcpu = f"<vcpu {attributes}>{number}</vcpu>"
        elif name == "placement":
            vcpu = f"<vcpu placement='{value}'>2</vcpu>"
        elif name == "current":
            current = f"<currentMemory unit='MiB'>{value}</currentMemory>"
        else:
            vcpu = ""
    return (
        "<domain type='qemu'><name>shape</name><memory unit='MiB'>64</memory>"
        f"{current}{vcpu}<os><type arch='x86_64' machine='{machine}'>hvm</type></os>"
        f"{top}<devices>{devices}</devices></domain>"
    )
