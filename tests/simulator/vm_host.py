"""A server with virtual machines, as it is before anybody has tuned it."""

from __future__ import annotations

from pathlib import Path

from backends.reader import TreeReader
from tests.simulator.hosts import cpus, debian, ethernet_ports, system_disk
from tests.simulator.tree import TreeBuilder
from tests.simulator.virsh import Domain, Virsh

_CACHED = 8  # cores that share a level 3 cache


def _domain(name: str, uuid: str, *devices: str) -> str:
    """A definition as libvirt 9 prints it, shortened to what matters here."""
    hostdevs = "".join(
        f"""    <hostdev mode='subsystem' type='pci' managed='yes'>
      <source>
        <address domain='0x0000' bus='0x{bus}' slot='0x00' function='0x{number}'/>
      </source>
    </hostdev>
"""
        for bus, number in (device.split(".") for device in devices)
    )
    ports = "".join(
        f"    <controller type='pci' index='{n}' model='pcie-root-port'/>\n" for n in range(1, 9)
    )
    return f"""<domain type='kvm'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory unit='KiB'>16777216</memory>
  <currentMemory unit='KiB'>16777216</currentMemory>
  <vcpu placement='static'>8</vcpu>
  <os>
    <type arch='x86_64' machine='pc-q35-7.2'>hvm</type>
  </os>
  <features>
    <acpi/>
  </features>
  <cpu mode='host-passthrough' check='none' migratable='on'/>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source file='/var/lib/libvirt/images/{name}.qcow2'/>
      <target dev='vda' bus='virtio'/>
      <address type='pci' domain='0x0000' bus='0x04' slot='0x00' function='0x0'/>
    </disk>
    <controller type='pci' index='0' model='pcie-root'/>
{ports}{hostdevs}    <memballoon model='virtio'>
      <address type='pci' domain='0x0000' bus='0x05' slot='0x00' function='0x0'/>
    </memballoon>
  </devices>
</domain>
"""


CAD = Domain(
    "cad-1",
    "5d1b6f3a-8a1e-4c3d-9b58-0a4a5e1c7f01",
    _domain("cad-1", "5d1b6f3a-8a1e-4c3d-9b58-0a4a5e1c7f01", "01.0", "01.1"),
    running=True,
    autostart=True,
)
RENDER = Domain(
    "render",
    "c0f6c7e2-3b5f-4d0e-8f6e-71b2a9d4e802",
    _domain("render", "c0f6c7e2-3b5f-4d0e-8f6e-71b2a9d4e802"),
)


def vm_host(t: TreeBuilder) -> None:
    """Two nodes, a GPU on each: one is with a running VM, the other one's is to be used now."""
    debian(t, "kvm-01", "7c1e5f0a9b3d4c2e8f60718293a4b5c6")
    cpus(t, 2, 16, "AuthenticAMD", "fpu svm pdpe1gb", 128)
    _caches(t, 64)
    t.iommu(unit="ivhd0", table="IVRS")
    t.function("0000:00:00.0", "0x060000", "1022:1480", group=0, numa=0)
    _gpu(t, "01", "0000:00:01.1", 30, 0, "vfio-pci", "vfio-pci")
    system_disk(
        t, t.function("0000:02:00.0", "0x010802", "144d:a80a", driver="nvme", group=33, numa=0)
    )
    t.function("0000:03:00.0", driver="ast", ids="1a03:2000", group=34, numa=0, boot_vga="1")
    t.function("0000:04:00.3", "0x0c0330", "1022:148c", driver="xhci_hcd", group=35, numa=0)
    _gpu(t, "81", "0000:80:01.1", 60, 1, "nouveau", "snd_hda_intel")
    for port, path in enumerate(ethernet_ports(t, "0000:82:00", group=62, numa=1)):
        nic = t.nic(f"enp130s0f{port}", path, f"3c:fd:fe:00:01:0{port}")
        if port == 0:
            t.default_route(nic)
    t.write("/sys/devices/system/cpu/nohz_full", "(null)\n")
    t.mkdir("/sys/module/vfio_pci")
    for domain in (CAD, RENDER):
        t.write(f"/etc/libvirt/qemu/{domain.name}.xml", "")
        if domain.running:
            t.write(f"/run/libvirt/qemu/{domain.name}.xml", "")


def _gpu(t: TreeBuilder, bus: str, port: str, group: int, node: int, *drivers: str) -> None:
    """A graphics card with its audio function, both in one IOMMU group."""
    t.function(port, "0x060400", "1022:1483", driver="pcieport", group=group - 1, numa=node)
    for number, (code, ids, driver) in enumerate(
        zip(("0x030000", "0x040300"), ("10de:24b0", "10de:228b"), drivers, strict=True)
    ):
        t.function(
            f"0000:{bus}:00.{number}",
            code,
            ids,
            driver=driver,
            group=group,
            numa=node,
            below=port,
            subsystem="10de:14ad",
        )


def _caches(t: TreeBuilder, count: int) -> None:
    """Cores in turn share a level 3 cache, second threads after all first ones."""
    half = count // 2
    for cpu in range(count):
        first = cpu % half // _CACHED * _CACHED
        shared = f"{first}-{first + _CACHED - 1},{first + half}-{first + half + _CACHED - 1}\n"
        here = f"/sys/devices/system/cpu/cpu{cpu}/cache/index3"
        t.write(f"{here}/level", "3\n")
        t.write(f"{here}/shared_cpu_list", shared)


def reader(root: Path) -> TreeReader:
    """The host under ``root``, with its domains."""
    t = TreeBuilder(root)
    vm_host(t)
    t.finish()
    return TreeReader(root, Virsh(CAD, RENDER))
