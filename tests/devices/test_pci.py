"""PCI functions, IOMMU state and names from trees."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis.strategies import binary

from backends.pci import functions_in, observe_pci
from backends.pci.acs import Acs, parse_acs
from backends.pci.config_space import serial_number
from backends.pci.ids import PciNames, read_names
from backends.pci.iommu import diagnose, observe_iommu, uses_kernel_dma
from backends.reader import TreeReader
from specs.values import PciAddress
from tests.devices.config import config_space, part_of
from tests.devices.planning import drivers, plan_on, state_of
from tests.simulator.hosts import many_functions
from tests.simulator.tree import TreeBuilder

GPU = PciAddress.parse("0000:01:00.0")


def test_every_attribute_of_a_function(tree: TreeBuilder) -> None:
    port = "0000:00:01.0"
    tree.function(port, "0x060400", "8086:1901", secondary_bus_number="1", driver="pcieport")
    tree.function("0000:01:00.0", below=port, driver="nouveau", group=1, numa=1, boot_vga="1")
    tree.write("/sys/bus/pci/slots/4/address", "0000:01:00\n")
    pci = observe_pci(tree.reader())
    gpu = pci.functions[GPU]
    assert (gpu.id, gpu.subsystem, gpu.class_code) == ("10de:2489", "1458:403b", "0x030000")
    assert (gpu.driver, gpu.driver_override, gpu.iommu_group) == ("nouveau", None, 1)
    assert (gpu.numa_node, gpu.boot_vga, gpu.slot) == (1, True, "4")
    assert gpu.reset_methods == ("flr", "bus")
    assert gpu.parents == (PciAddress.parse(port),)
    assert not gpu.is_bridge
    assert pci.functions[PciAddress.parse(port)].bridge_header


def test_unknown_and_odd_values(tree: TreeBuilder) -> None:
    tree.function("10000:e1:00.0", "0x010802", numa=-1, reset=None, driver_override="vfio-pci")
    tree.function("0000:02:00.0", reset="")
    pci = observe_pci(tree.reader())
    nvme = pci.functions[PciAddress.parse("10000:e1:00.0")]
    assert nvme.numa_node is None
    assert nvme.driver_override == "vfio-pci"
    assert nvme.driver is None
    assert nvme.iommu_group is None
    assert nvme.reset_methods == ()
    assert pci.functions[PciAddress.parse("0000:02:00.0")].reset_methods == ()


def test_sriov_and_identity(tree: TreeBuilder) -> None:
    pf = tree.function(
        "0000:3b:00.0",
        "0x020000",
        "8086:1572",
        sriov_totalvfs="8",
        sriov_numvfs="2",
        sriov_drivers_autoprobe="1",
        sriov_offset="16",
        sriov_stride="1",
    )
    for n in range(2):
        vf = tree.function(f"0000:3b:02.{n}", "0x020000", "8086:154c")
        tree.link(f"{pf}/virtfn{n}", vf)
        tree.link(f"{vf}/physfn", pf)
    tree.nic("ens1", pf, "AA:BB:CC:00:00:01")
    nvme = tree.function("0000:04:00.0", "0x010802", "144d:a808")
    tree.write(f"{nvme}/nvme/nvme0/serial", "S4EWNX0R123456     \n")
    virtio = tree.function("0000:05:00.0", "0x020000", "1af4:1041")
    tree.write(f"{virtio}/virtio3/net/eth9/address", "52:54:00:aa:bb:cc\n")
    pci = observe_pci(tree.reader())
    f = pci.functions[PciAddress.parse("0000:3b:00.0")]
    assert f.sriov is not None
    assert (f.sriov.total, f.sriov.num, f.sriov.autoprobe, f.sriov.offset) == (8, 2, True, 16)
    assert [str(v) for v in f.virtfns] == ["0000:3b:02.0", "0000:3b:02.1"]
    assert f.macs == ("aa:bb:cc:00:00:01",)
    assert pci.functions[PciAddress.parse("0000:3b:02.0")].physfn == f.address
    assert pci.functions[PciAddress.parse("0000:04:00.0")].serial == "S4EWNX0R123456"
    assert pci.functions[PciAddress.parse("0000:05:00.0")].interfaces == ("eth9",)


def test_functions_in_a_path_count_the_controllers_above() -> None:
    path = "/sys/devices/pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:06.0/10000:e1:00.0/nvme/nvme0"
    assert [str(a) for a in functions_in(path)] == [
        "0000:00:0e.0",
        "10000:e0:06.0",
        "10000:e1:00.0",
    ]


class CountingReader(TreeReader):
    """Counts reads of each path."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.seen: Counter[str] = Counter()

    def read_bytes(self, path: str, *, optional: bool = False) -> bytes | None:
        """See Reader."""
        self.seen[path] += 1
        return super().read_bytes(path, optional=optional)


def _planned(root: Path, count: int) -> float:
    """Seconds of processor time for a plan that gives every card of a host to VMs, by address and
    by id. No attribute may be read twice, or wake what sleeps."""
    tree = TreeBuilder(root)
    many_functions(tree, count)
    tree.finish()
    reader = CountingReader(root)
    start = time.process_time()
    state = state_of(reader)
    cards = [f for f in state.pci if f.base_class == "02"]
    tables = [{"name": f"c{n}", "address": str(f.address)} for n, f in enumerate(cards)]
    by_address = plan_on(state, device=tables)
    by_id = plan_on(state, device=[{"name": "all", "id": "8086:10fb", "count": len(cards)}])
    spent = time.process_time() - start
    assert len(state.pci.functions) == count
    assert len(drivers(by_address)) == len(drivers(by_id)) == count - 1
    assert max(reader.seen.values()) == 1
    asleep = {"config", "current_link_speed", "max_link_speed", "resource"}
    assert not [path for path in reader.seen if path.rsplit("/", 1)[-1] in asleep]
    return spent


def test_time_grows_linearly_and_each_file_is_read_once(
    memory_path: Path, record_property: Callable[[str, object], None]
) -> None:
    sizes = (64, 4096)
    small, large = (_planned(memory_path / str(n), n) / n for n in sizes)
    line = f"64 functions: {small * 64e3:.0f} ms, 4096 functions: {large * 4096e3:.0f} ms"
    print(line)
    record_property("benchmark", line)
    assert large < 2 * small


# --- IOMMU -----------------------------------------------------------------------------------


def test_groups_members_and_reserved_regions(tree: TreeBuilder) -> None:
    tree.iommu()
    gpu = tree.function("0000:01:00.0", group=7)
    tree.function("0000:01:00.1", "0x040300", group=7)
    tree.function("0000:02:00.0", group=8)
    text = "0x0 0xff direct\n0x100 0x1ff direct-relaxable\n0xfee00000 0xfeefffff msi\n"
    tree.write("/sys/kernel/iommu_groups/7/reserved_regions", text)
    tree.link("/sys/kernel/iommu_groups/7/devices/AMDI0020:00", gpu)
    reader = tree.reader()
    iommu = observe_iommu(reader, observe_pci(reader))
    group = iommu.groups[7]
    assert [str(m) for m in group.members] == ["0000:01:00.0", "0000:01:00.1"]
    assert group.direct_regions == ("0x0 0xff direct",)
    assert group.others == ("AMDI0020:00",)
    assert (group.type, iommu.kind, iommu.active) == ("DMA-FQ", "intel", True)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (config_space(0x1D), Acs("on")),
        (config_space(0x01), Acs("off", ("RR", "CR", "UF"))),
        (config_space(None), Acs("absent", ("SV", "RR", "CR", "UF"))),
        (config_space(0x1D)[:64], Acs("unknown")),
        (None, Acs("unknown")),
    ],
)
def test_acs_of_a_port(config: bytes | None, expected: Acs) -> None:
    assert parse_acs(None if config is None else part_of(config)) == expected


@given(binary(max_size=600))
def test_any_configuration_space_is_read_to_an_end(config: bytes) -> None:
    assert parse_acs(part_of(config)).status in ("on", "off", "absent", "unknown")
    assert serial_number(part_of(config)) != ""


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (config_space(serial=0x00154DFFFF135B24), "00-15-4d-ff-ff-13-5b-24"),
        (config_space(0x1D, serial=1), "00-00-00-00-00-00-00-01"),
        (config_space(0x1D), None),
        (config_space(serial=0), None),
        (config_space(serial=0xFFFFFFFFFFFFFFFF), None),
        (config_space(serial=5)[:0x206], None),
        (b"", None),
    ],
)
def test_device_serial_numbers(config: bytes, expected: str | None) -> None:
    assert serial_number(part_of(config)) == expected


def test_acs_is_read_only_where_it_explains_a_group(tree: TreeBuilder) -> None:
    ports = ("0000:00:01.0", "0000:00:02.0", "0000:00:03.0")
    for n, port in enumerate(ports):
        path = tree.function(port, "0x060400", driver="pcieport", group=n)
        tree.write(f"{path}/config", config_space(None))
        tree.function(f"0000:0{n + 1}:00.0", below=port, group=n)
    tree.function("0000:01:00.1", "0x040300", below=ports[0], group=0)
    tree.function("0000:02:00.1", "0x040300", below=ports[1], group=1)
    tree.write(f"/sys/devices/pci0000:00/{ports[1]}/power/runtime_status", "suspended\n")
    reader = CountingReader(tree.root)
    iommu = observe_iommu(reader, observe_pci(reader))
    assert {str(a): acs.status for a, acs in iommu.acs.items()} == {
        ports[0]: "absent",
        ports[1]: "unknown",
    }
    assert [p.split("/")[-2] for p in reader.seen if p.endswith("config")] == [ports[0]]


def test_users_of_vfio(tree: TreeBuilder) -> None:
    reader = tree.reader()
    assert observe_iommu(reader, observe_pci(reader)).vfio_users is None
    tree.write("/sys/module/vfio_pci/refcnt", "2\n")
    assert observe_iommu(reader, observe_pci(reader)).vfio_users == 2


def test_no_iommu_mode_of_vfio_is_no_iommu(tree: TreeBuilder) -> None:
    tree.function("0000:01:00.0", group=0)
    tree.write("/sys/kernel/iommu_groups/0/name", "vfio-noiommu\n")
    reader = tree.reader()
    assert not observe_iommu(reader, observe_pci(reader)).active


@pytest.mark.parametrize(
    ("cmdline", "status", "argument"),
    [
        ("ro quiet", "possible", None),
        ("ro intel_iommu=off", "off-by-argument", "intel_iommu=off"),
        ("ro intel_iommu=off intel_iommu=on", "possible", None),
        ("iommu=off intel_iommu=on", "off-by-argument", "iommu=off"),
        ("intel_iommu=on,sm_on iommu=pt", "possible", None),
    ],
)
def test_tables_without_groups(
    tree: TreeBuilder, cmdline: str, status: str, argument: str | None
) -> None:
    tree.iommu(unit="")
    tree.function("0000:01:00.0")
    tree.write("/proc/cmdline", cmdline + "\n")
    reader = tree.reader()
    pci = observe_pci(reader)
    found = diagnose(observe_iommu(reader, pci), pci)
    assert (found.status, found.argument) == (status, argument)


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        ("8086:29b0", "Intel Q35"),
        ("8086:29e0", "Intel X38/X48"),
        ("8086:2e10", "Intel Q45"),
        ("8086:4003", "Intel 5400"),
        ("8086:3406", "X58"),
        ("8086:9b53", "10th generation"),
        ("1022:1480", "Ryzen or EPYC"),
    ],
)
def test_capable_chipsets_without_a_table_point_to_firmware(
    tree: TreeBuilder, ids: str, words: str
) -> None:
    tree.function("0000:00:00.0", "0x060000", ids)
    reader = tree.reader()
    pci = observe_pci(reader)
    found = diagnose(observe_iommu(reader, pci), pci)
    assert found.status == "firmware"
    assert words in found.message
    switch = "VT-d" if ids.startswith("8086") else "IOMMU"
    assert f"enable {switch} in firmware setup" in found.hint


def test_unknown_hardware_and_virtual_machines(tree: TreeBuilder) -> None:
    tree.function("0000:00:00.0", "0x060000", "8086:1237")
    reader = tree.reader()
    pci = observe_pci(reader)
    assert diagnose(observe_iommu(reader, pci), pci).status == "unknown"
    tree.mkdir("/sys/firmware/acpi/tables")
    assert diagnose(observe_iommu(reader, pci), pci).status == "none"
    tree.cpu(flags="fpu vmx hypervisor")
    assert diagnose(observe_iommu(reader, pci), pci).status == "virtual-machine"
    tree.cpu(vendor="AuthenticAMD", flags="svm")
    assert "IVRS" in diagnose(observe_iommu(reader, pci), pci).message


def test_drivers_that_leave_the_group_to_vfio() -> None:
    free = ("vfio-pci", "pci-stub", "pcieport", "mlx5_vfio_pci", "nvgrace-gpu-vfio-pci")
    assert not [driver for driver in free if uses_kernel_dma(driver)]
    assert all(map(uses_kernel_dma, ("nvme", "shpchp", "snd_hda_intel", "pcieport2")))


# --- names -----------------------------------------------------------------------------------

IDS = """#
#	List of PCI ID's
#

0001  SafeNet (wrong ID)
10de  NVIDIA Corporation
	2489  GA104 [GeForce RTX 3060 Ti]
		1458 403b  Board
	228b  GA104 High Definition Audio Controller

8086  Intel Corporation
	1901  PCIe Controller (x16)
ffff  Illegal Vendor ID
C 03  Display controller
	00  VGA compatible controller
"""


def test_names(tmp_path: Path) -> None:
    (tmp_path / "usr/share/hwdata").mkdir(parents=True)
    (tmp_path / "usr/share/hwdata/pci.ids").write_text(IDS)
    names = read_names(TreeReader(tmp_path))
    assert names.name("10de", "2489") == "NVIDIA Corporation GA104 [GeForce RTX 3060 Ti]"
    assert names.name("8086", "1901") == "Intel Corporation PCIe Controller (x16)"
    assert names.name("8086", "9999") == "Intel Corporation [9999]"
    assert names.name("1458", "403b") == "[1458:403b]"
    assert names.vendor("ffff") == "Illegal Vendor ID"
    assert names.device("C 03", "00") == ""
    assert PciNames().name("10de", "2489") == "[10de:2489]"
