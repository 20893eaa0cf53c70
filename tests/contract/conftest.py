"""The same checks on the simulator, and on a real kernel in the lab."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.machine import Case, LabMachine
from tests.devices.conftest import memory_path as memory_path
from tests.lab import flavours, machines
from tests.lab.conftest import Lab
from tests.lab.conftest import lab as lab
from tests.lab.conftest import pytest_runtest_makereport as pytest_runtest_makereport
from tests.simulator.kernel import SimKernel
from tests.simulator.tree import TreeBuilder, offers_vfs

NIC, TWIN, PORT, PF = machines.NIC, machines.NIC_TWIN, "0000:00:10.0", machines.NVME_SRIOV


def simulated_host(root: Path) -> TreeBuilder:
    """The devices of the lab's standard host that these tests touch, at the same addresses."""
    tree = TreeBuilder(root)
    tree.cpu()
    tree.iommu()
    tree.function(PORT, "0x060400", "1b36:000c", driver="pcieport", group=10, reset=None)
    tree.function(NIC, "0x020000", "8086:10d3", below=PORT, driver="e1000e", group=11)
    tree.function(TWIN, "0x020000", "8086:10d3", below="0000:00:11.0", driver="e1000e", group=12)
    tree.function(
        PF,
        "0x010802",
        "1b36:0010",
        below="0000:00:14.0",
        driver="nvme",
        group=13,
        **offers_vfs(4, "0010", offset=1),
    )
    return tree


@pytest.fixture(scope="module")
def real_kernel(lab: Lab) -> Iterator[LabMachine]:
    """A guest of the lab with its IOMMU on."""
    guest = lab.boot(
        flavours.chosen()[0], tool=False, append="intel_iommu=on iommu=pt no_timer_check"
    )
    yield LabMachine(guest)
    lab.end(guest)


IN_LAB = (pytest.mark.lab, pytest.mark.xdist_group("contract"))


@pytest.fixture(params=["simulator", pytest.param("lab", marks=IN_LAB)])
def case(request: pytest.FixtureRequest, memory_path: Path) -> Case:
    """Each test runs on both."""
    if request.param == "simulator":
        simulated_host(memory_path)
        kernel = SimKernel(memory_path, vf_driver="nvme")
        return Case(kernel, NIC, TWIN, "e1000e", PORT, PF, ("nvme",))
    real: LabMachine = request.getfixturevalue("real_kernel")
    above = real.guest.out(f"basename $(dirname $(realpath /sys/bus/pci/devices/{NIC}))")
    return Case(real, NIC, TWIN, "e1000e", above.strip(), PF, ("nvme", None))
