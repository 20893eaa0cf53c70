"""What specs may want of a domain, from one device to everything at once."""

from __future__ import annotations

from backends.formats.domain_xml import Evdev, Hostdev, Shmem, Topology, Wanted

WISHES = {
    "device, pins, hugepages": Wanted(
        hostdevs=(Hostdev("0000:41:00.0", "no"), Hostdev("0000:41:00.1", "yes")),
        vcpupin=("0", "1"),
        emulatorpin="0-1",
        hugepages="2M",
    ),
    "everything": Wanted(
        hostdevs=(Hostdev("0000:41:00.0", "no", rom="/r.rom", rom_bar=True),),
        vcpupin=("0", "1"),
        emulatorpin="0-1",
        iothreadpin=("0",),
        hugepages="2M",
        memory="2G",
        locked=True,
        nosharepages=True,
        access="shared",
        numatune=("strict", "0"),
        kvm_hidden=True,
        vendor_id="abc",
        memballoon="none",
        scsi={0: {"queues": "4"}},
        shmem=(Shmem("lg", "32M"),),
        evdev=(Evdev("/dev/input/event7", grab="all", repeat="on"),),
        discard="unmap",
    ),
    "everything off": Wanted(
        locked=False,
        nosharepages=False,
        allocation="immediate",
        source="memfd",
        access="private",
        numatune=("preferred", "0"),
        kvm_hidden=False,
        memballoon="virtio",
        discard="ignore",
    ),
    "one card": Wanted(
        hostdevs=tuple(Hostdev(f"0000:41:00.{n}", "no", card="0000:41:00") for n in (0, 1)),
    ),
    "four vCPUs": Wanted(
        vcpu=4, topology=Topology(1, 2, 2), vcpupin=("0", "1", "0-1", "1"), iothreads=2, memory="8G"
    ),
    "one vCPU": Wanted(vcpu=1, topology=Topology(1, 1, 1), iothreads=0),
}
