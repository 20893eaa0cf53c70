"""Models: the contract's example, defaults, and what a table finds wrong in itself."""

from __future__ import annotations

import re
from typing import Any

import pytest
import tomli
from pydantic import ValidationError

from specs.host import Host
from specs.later import inner_model
from specs.spec import HostSpec
from specs.values import CpuSet, KernelArg, PageSize, PciAddress

FULL = """
version = 1
extends = ["../roles/gpu-node.toml"]
[host]
hostname   = "kvm-01"
machine_id = "4c4c4544004b3510804bb4c04f4a4233"
[boot]
loader = "auto"
iommu = "passthrough"
kernel_args = ["mitigations=auto"]
absent_kernel_args = ["nomodeset"]
trial = false
trial_minutes = 30
resume = true
checks = [["ping", "-c1", "192.0.2.1"]]
[cpu]
isolated = "2-7,10-15"
reserved = "0-1,8-9"
isolation = ["domain", "managed_irq"]
nohz_full = true
rcu_nocbs = "2-7"
irq_affinity = true
slices = true
[hugepages]
default_size = "1G"
[[hugepages.pages]]
size  = "1G"
count = 16
node  = 0
boot  = true
[limits]
memlock = "unlimited"
[[device]]
name    = "gpu"
address = "0000:01:00.0"
id      = "10de:2489"
driver  = "vfio-pci"
bind    = "boot"
accept_siblings = ["0000:01:00.1"]
rom = { file = "/usr/share/vgabios.rom", bar = true }
[[device]]
name = "disks"
class = "nvme"
id = "144d:a808"
subsystem = "144d:a801"
count = 2
[[device]]
name = "nic"
slot = "4"
mac = "3c:fd:fe:00:00:01"
serial = "00-00-01-ff-ff-fe-fd-3c"
multifunction = true
[[sriov]]
name    = "fabric"
address = "0000:3b:00.0"
id      = "8086:1572"
vfs     = 8
vf_driver = "vfio-pci"
[[sriov.vf]]
index = 0
mac = "52:54:00:AB:00:01"
vlan = 100
trust = true
spoofchk = false
[[sriov]]
name = "storage"
class = "network"
slot = "5"
subsystem = "8086:0001"
mac = "3c:fd:fe:00:00:02"
serial = "00-00-02-ff-ff-fe-fd-3c"
vfs = 0
[[vm]]
name       = "win11"
definition = "win11.xml"
devices    = ["gpu", "fabric.0"]
autostart  = true
vcpu = 4
topology = { sockets = 1, dies = 1, cores = 2, threads = 2 }
iothreads = 1
memballoon = "none"
[vm.cputune]
vcpupin     = ["2", "10", "3", "11"]
emulatorpin = "0-1"
iothreadpin = ["0-1"]
live = true
[vm.memory]
size      = "16G"
hugepages = "1G"
numatune  = { mode = "strict", nodeset = "0" }
locked    = true
nosharepages = true
source = "memfd"
access = "shared"
allocation = "immediate"
[vm.disks]
discard = "unmap"
[vm.features]
kvm.hidden = true
hyperv.vendor_id = "abcdefghijkl"
[[vm.shmem]]
name = "looking-glass"
size = "32M"
model = "ivshmem-plain"
[[vm.evdev]]
dev = "/dev/input/event3"
grab = "all"
repeat = true
grabToggle = "ctrl-ctrl"
[[vm.controller]]
index = 0
type = "scsi"
model = "virtio-scsi"
queues = 4
iothread = 1
"""


def spec(text: str) -> HostSpec:
    return HostSpec.model_validate({"version": 1} | tomli.loads(text))


def test_full_example() -> None:
    full = spec(FULL)
    assert full.boot.kernel_args == (KernelArg.parse("mitigations=auto"),)
    assert full.cpu.isolated == CpuSet.parse("2-7,10-15")
    assert (full.cpu.nohz_full, full.cpu.rcu_nocbs) == (True, CpuSet.parse("2-7"))
    assert full.device[0].address == PciAddress.parse("01:00.0")
    assert full.device[1].selectors.keys() == {"id", "class", "subsystem"}
    assert full.sriov[0].vf[0].mac == "52:54:00:ab:00:01"
    assert full.vm[0].cputune.vcpupin[1] == CpuSet([10])
    assert full.vm[0].evdev[0].grab_toggle == "ctrl-ctrl"


def test_dumped_spec_is_the_same_spec() -> None:
    full = spec(FULL)
    dumped = full.model_dump(mode="json", exclude_unset=True)
    assert dumped["device"][1]["class"] == "0108"
    assert dumped["cpu"]["rcu_nocbs"] == "2-7"
    assert HostSpec.model_validate(dumped) == full


def test_defaults() -> None:
    empty = spec("")
    assert empty.boot.loader == "auto"
    assert (empty.boot.iommu, empty.boot.trial) == (None, False)
    assert empty.cpu.isolation == ("domain", "managed_irq")
    assert (empty.cpu.isolated, empty.cpu.nohz_full, empty.cpu.slices) == (None, False, False)
    assert (empty.device, empty.sriov, empty.vm, empty.hugepages.pages) == ((), (), (), ())
    device = spec("[[device]]\nname='a'\naddress='01:00.0'").device[0]
    assert (device.driver, device.bind, device.count, device.multifunction) == (
        "vfio-pci",
        "boot",
        None,
        False,
    )
    assert hash(empty) == hash(spec(""))


@pytest.mark.parametrize(
    ("size", "boot", "at_boot"),
    [("1G", "", True), ("2M", "", False), ("1G", "boot=false", False), ("2M", "boot=true", True)],
)
def test_hugepages_at_boot(size: str, boot: str, at_boot: bool) -> None:
    pool = spec(f"[[hugepages.pages]]\nsize='{size}'\ncount=1\n{boot}").hugepages.pages[0]
    assert (pool.size, pool.at_boot) == (PageSize.parse(size), at_boot)


@pytest.mark.parametrize(
    ("host", "names"),
    [
        ({}, False),
        ({"hostname": "kvm-01"}, True),
        ({"hostname": "KVM-01.example.org"}, True),
        ({"hostname": "kvm-01.example.com"}, False),
        ({"hostname": "kvm-02"}, False),
        ({"machine_id": "4C4C4544004B3510804BB4C04F4A4233"}, True),
        ({"hostname": "kvm-02", "machine_id": "4c4c4544004b3510804bb4c04f4a4233"}, False),
        ({"hostname": "kvm-01", "machine_id": "0" * 32}, False),
    ],
)
def test_host_names_a_machine(host: dict[str, str], names: bool) -> None:
    machine = ("kvm-01.example.org", "4c4c4544004b3510804bb4c04f4a4233")
    assert Host.model_validate(host).names(*machine) is names


def problems(text: str) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        spec(text)
    return {".".join(map(str, e["loc"])): e["msg"] for e in caught.value.errors()}


VM = "[[vm]]\nname = 'a'\n"
DEVICE = "[[device]]\nname = 'a'\n"


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("version = 2", "version", "Input should be 1"),
        ("boot = {kernel_args=['a=1','b'], absent_kernel_args=['a']}", "boot.kernel_args.0", "unw"),
        ("boot.loader = 'grub'", "boot.loader", 'expected one of "auto"'),
        ("boot.checks = [[]]", "boot.checks.0", "at least 1"),
        ("boot.checks = [['']]", "boot.checks.0.0", "expected a program"),
        ("boot.trial = 1", "boot.trial", "boolean"),
        ("cpu.nohz_full = true", "cpu.nohz_full", "cpu.isolated"),
        ("cpu.nohz_full = 3", "cpu.nohz_full", "expected true, false or a CPU list"),
        ("cpu.slices = true", "cpu.slices", "cpu.reserved"),
        ("cpu = {isolated='1', isolation=['nohz','nohz']}", "cpu.isolation.1", "twice"),
        ("hugepages.pages = [{size='2M', count='3'}]", "hugepages.pages.0.count", "integer"),
        ("hugepages.pages = [{size='2M', count=true}]", "hugepages.pages.0.count", "integer"),
        (
            "hugepages.pages = [{size='2M', count=1}, {size='2048K', count=2}]",
            "hugepages.pages.1",
            r"hugepages.pages\[0\]",
        ),
        (
            "hugepages.pages = [{size='1G', count=1, node=0}, {size='1G', count=2}]",
            "hugepages.pages.1",
            "with and without a node",
        ),
        ("limits.memlock = 'lots'", "limits.memlock", 'expected "unlimited" or a size'),
        (DEVICE, "device.0", "nothing says which function is the device"),
        (DEVICE + "address='01:00.0'\ncount=2", "device.0.count", "one function"),
        (DEVICE + "slot='4'\ncount=2", "device.0.count", "id or class"),
        (DEVICE + "mac='01:00:5e:00:00:01'", "device.0.mac", "group address"),
        (DEVICE.replace("'a'", "'../a'") + "id='1234:5678'", "device.0.name", "expected a name"),
        ("[[sriov]]\nname='a'\nvfs=1", "sriov.0", "nothing says"),
        (
            "[[sriov]]\nname='a'\nvfs=1\nid='1234:5678'\nvf=[{index=1}]",
            "sriov.0.vf.0.index",
            "the last one is 0",
        ),
        (
            "[[sriov]]\nname='a'\nvfs=2\nid='1234:5678'\nvf=[{index=1},{index=1}]",
            "sriov.0.vf.1.index",
            "twice",
        ),
        (VM + "vcpu=2\ncputune.vcpupin=['1','2','3']", "vm.0.cputune.vcpupin", "pins 3 vCPUs"),
        (VM + "topology={cores=2}\ncputune.vcpupin=['1','2','3']", "vm.0.cputune.vcpupin", "are 2"),
        (VM + "topology={cores=2}\nvcpu=3", "vm.0.topology", "makes 2 vCPUs"),
        (VM + "iothreads=1\ncputune.iothreadpin=['1','2']", "vm.0.cputune.iothreadpin", "pins 2"),
        (VM + "devices=['a','a']", "vm.0.devices.1", "twice"),
        (VM + "memory={size='3G',hugepages='2G'}", "vm.0.memory.size", "multiple"),
        (VM + "memory.numatune={nodeset='x'}", "vm.0.memory.numatune.nodeset", "NUMA nodes"),
        (VM + "shmem=[{name='a', size='3M'}]", "vm.0.shmem.0.size", "power of two"),
        (VM + "features.hyperv.vendor_id='a,b'", "vm.0.features.hyperv.vendor_id", "comma"),
        ("[[vm]]\nname='a/b'", "vm.0.name", "libvirt domain"),
        ("host.hostname=''", "host.hostname", "expected a host name"),
    ],
)
def test_a_table_finds_its_own_mistakes(text: str, where: str, message: str) -> None:
    found = problems(text)
    assert list(found) == [where]
    assert re.search(message, found[where]), found[where]


def test_every_mistake_is_told() -> None:
    found = problems(
        "version = 1\nboot.loader = 'x'\ncpu.isolated = 'y'\n" + DEVICE + "address = 'z'\nid = 3"
    )
    assert set(found) == {"boot.loader", "cpu.isolated", "device.0.address", "device.0.id"}


@pytest.mark.parametrize("field", ["version", "device", "boot"])
def test_specs_are_frozen(field: str) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(spec(""), field, None)


def models(model: Any = HostSpec) -> set[Any]:
    """All models that are reachable from one."""
    found = {model}
    for field in model.model_fields.values():
        kind, _ = inner_model(field.annotation)
        if kind is not None and kind not in found:
            found |= models(kind)
    return found


def test_every_field_is_documented() -> None:
    assert len(models()) > 20
    for model in models():
        assert model.__doc__, model
        for name, field in model.model_fields.items():
            assert field.description, f"{model.__name__}.{name}"
            assert field.description.endswith("."), f"{model.__name__}.{name}"
