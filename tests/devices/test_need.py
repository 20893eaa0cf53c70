"""What needs the IOMMU, and what only moves between drivers of the host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.passthrough.need import needing
from specs.spec import HostSpec
from tests.simulator.host import Bench
from tests.simulator.hosts import amd_workstation, sriov_server
from tests.simulator.tree import TreeBuilder

PORT = {"name": "p", "address": "3b:00.0"}
FABRIC = {"name": "f", "address": "3b:00.1"}


@pytest.mark.parametrize(
    ("tables", "needy"),
    [
        ({"device": [PORT]}, ["device[0]"]),
        ({"device": [{**PORT, "driver": "i40e"}]}, []),
        ({"device": [{**PORT, "driver": "i40e", "bind": "vm"}]}, ["device[0]"]),
        ({"device": [{**PORT, "driver": "pci-stub"}]}, ["device[0]"]),
        ({"sriov": [{**FABRIC, "vfs": 0}]}, []),
        ({"sriov": [{**FABRIC, "vfs": 2}]}, ["sriov[0]"]),
        ({"sriov": [{**FABRIC, "vfs": 2, "vf_driver": "iavf"}]}, []),
        (
            {
                "sriov": [{**FABRIC, "vfs": 2, "vf_driver": "iavf"}],
                "vm": [{"name": "a", "devices": ["f.1"]}],
            },
            ["sriov[0]"],
        ),
        (
            {"device": [{**PORT, "driver": "i40e"}], "sriov": [{**FABRIC, "vfs": 1}]},
            ["sriov[0]"],
        ),
    ],
)
def test_what_is_for_guests_needs_it(tables: dict[str, Any], needy: list[str]) -> None:
    assert list(needing(HostSpec.model_validate({"version": 1, **tables}))) == needy


def test_vfs_for_the_host_change_no_kernel_argument(tmp_path: Path) -> None:
    tree = TreeBuilder(tmp_path)
    sriov_server(tree)
    tree.write("/etc/default/grub", 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n')
    tree.finish()
    plan = Bench(tmp_path).plan(sriov=[{**FABRIC, "vfs": 2, "vf_driver": "iavf"}])
    assert "kernel-args" not in {change.id for change in plan.changes}
    plan = Bench(tmp_path).plan(sriov=[{**FABRIC, "vfs": 2}])
    (change,) = [change for change in plan.changes if change.id == "kernel-args"]
    assert change.because == "sriov[0]"


def test_a_driver_of_the_host_does_not_wait_for_itself(tmp_path: Path) -> None:
    tree = TreeBuilder(tmp_path)
    amd_workstation(tree)
    tree.finish()
    table = {"name": "gpu", "address": "0b:00.0", "driver": "amdgpu"}
    texts = [str(change.details) for change in Bench(tmp_path).plan(device=[table]).changes]
    assert not any("softdep amdgpu pre: amdgpu" in text for text in texts)


def test_the_module_of_vfio_stands_for_its_driver() -> None:
    spec = HostSpec.model_validate({"version": 1, "device": [{**PORT, "driver": "vfio_pci"}]})
    assert spec.device[0].driver == "vfio-pci"
