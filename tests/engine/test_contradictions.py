"""Kernel arguments of one spec that say different things, and what ``absent`` takes away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.model import Plan
from reconciler.ownership import Owned
from tests.simulator.host import Bench
from tests.simulator.hosts import amd_workstation, build, debian
from tests.simulator.tree import TreeBuilder

GPU = {"name": "gpu", "address": "0000:0b:00.0"}
CPU = {"isolated": "4-5", "reserved": "0-3"}
POOL = {"pages": [{"size": "1G", "count": 2}]}


def studio(tmp_path: Path, args: str = "quiet", running: str = "") -> Bench:
    """The AMD workstation with these arguments configured."""
    tree = TreeBuilder(tmp_path)
    amd_workstation(tree)
    debian(tree, "studio", "9f0d3c1b2a4e4f6789abcdef01234567", args)
    if running:
        tree.write("/proc/cmdline", f"BOOT_IMAGE=/boot/vmlinuz root=UUID=0 ro {running}\n")
    tree.finish()
    return Bench(tmp_path)


def conflicts(plan: Plan) -> list[str]:
    """Where the plan is refused for a contradiction."""
    return [f.where for f in plan.findings if f.code == "kernel-arg-conflict"]


@pytest.mark.parametrize(
    ("args", "tables"),
    [
        (["iommu=off"], {"device": [GPU]}),
        (["amd_iommu=fullflush,off"], {"device": [GPU]}),
        (["iommu.passthrough=0"], {"device": [GPU]}),
        (["iommu=nopt"], {"device": [GPU]}),
        (["isolcpus=3"], {"cpu": CPU}),
        (["nohz_full=3"], {"cpu": {**CPU, "nohz_full": True}}),
        (["default_hugepagesz=2M"], {"hugepages": {"default_size": "1G"}}),
        (["hugepagesz=2M", "hugepages=4"], {"hugepages": POOL}),
    ],
)
def test_an_argument_that_undoes_a_table_is_refused(
    tmp_path: Path, args: list[str], tables: dict[str, Any]
) -> None:
    plan = studio(tmp_path).plan(boot={"kernel_args": args}, **tables)
    assert conflicts(plan) == [f"boot.kernel_args[{i}]" for i, _ in enumerate(args)]
    assert not [c for c in plan.changes if c.kind == "kernel-args"]


def test_passthrough_by_hand_contradicts_translated(tmp_path: Path) -> None:
    boot = {"iommu": "translated", "kernel_args": ["iommu=pt"]}
    plan = studio(tmp_path).plan(boot=boot)
    (found,) = plan.findings
    assert (found.code, found.where) == ("kernel-arg-conflict", "boot.kernel_args[0]")
    assert found.message == "iommu=pt contradicts iommu.passthrough=0, which boot.iommu stands for"
    assert found.hint.endswith('write iommu = "passthrough" there')


@pytest.mark.parametrize(
    ("args", "tables"),
    [
        (["iommu=pt"], {"device": [GPU]}),
        (["amd_iommu=force_isolation", "iommu=force"], {"device": [GPU]}),
        (["iommu=off"], {"cpu": CPU}),
        (["isolcpus=3"], {"hugepages": POOL}),
        (["hugepagesz=1G", "hugepages=4"], {"hugepages": {"default_size": "1G"}}),
    ],
)
def test_what_does_not_undo_anything_stands_beside_it(
    tmp_path: Path, args: list[str], tables: dict[str, Any]
) -> None:
    plan = studio(tmp_path).plan(boot={"kernel_args": args}, **tables)
    assert conflicts(plan) == []


def test_what_a_table_stands_for_cannot_be_unwanted(tmp_path: Path) -> None:
    boot = {"absent_kernel_args": ["quiet", "iommu=pt"]}
    assert conflicts(studio(tmp_path).plan(boot=boot, device=[GPU])) == [
        "boot.absent_kernel_args[1]"
    ]


def test_an_unwanted_name_is_about_the_values_of_others(tmp_path: Path) -> None:
    """The table's own argument of that name stays, and waits for nothing once it runs."""
    host = studio(tmp_path, "quiet isolcpus=7", "quiet isolcpus=domain,managed_irq,4-5")
    plan = host.plan(boot={"absent_kernel_args": ["isolcpus"]}, cpu=CPU)
    (change,) = plan.changes
    assert change.after == "quiet isolcpus=domain,managed_irq,4-5"
    assert ("-", "isolcpus=7", "boot.absent_kernel_args") in change.details
    assert plan.pending == ()


def test_an_unwanted_name_leaves_nothing_to_do_where_only_the_tables_own_is_there(
    tmp_path: Path,
) -> None:
    host = studio(tmp_path, "quiet isolcpus=domain,managed_irq,4-5")
    plan = host.plan(boot={"absent_kernel_args": ["isolcpus"]}, cpu=CPU)
    assert (plan.changes, plan.pending) == ((), ())


def test_only_what_is_there_is_told_to_go(tmp_path: Path) -> None:
    boot = {"kernel_args": ["nosmt"], "absent_kernel_args": ["nomodeset", "quiet"]}
    plan = studio(tmp_path, "quiet splash").plan(boot=boot)
    (change,) = plan.changes
    assert change.details == (
        ("+", "nosmt", "boot.kernel_args[0]"),
        ("-", "quiet", "boot.absent_kernel_args"),
    )
    boot["absent_kernel_args"] = ["nomodeset"]
    (change,) = studio(tmp_path, "quiet splash").plan(boot=boot).changes
    assert change.because == "boot.kernel_args[0]"


def test_what_waits_is_the_whole_line_that_is_configured(tmp_path: Path) -> None:
    host = studio(tmp_path, "quiet splash")
    (waiting,) = host.plan(boot={"absent_kernel_args": ["quiet"]}).pending
    assert waiting.configured == "splash"


def test_one_line_waits_once(tmp_path: Path) -> None:
    """What is new and what has gone wait for the same reboot."""
    host = studio(tmp_path, "quiet", "quiet iommu=pt")
    retired = {"args": ["iommu=pt"], "boot_id": "6f1e2c1e-0000-4000-8000-000000000001"}
    owned = Owned({"kernel-args": {"args": ["nosmt"], "retired": retired}})
    plan = host.session(boot={"kernel_args": ["nosmt"]}).plan(owned)
    assert [waiting.configured for waiting in plan.pending] == ["quiet nosmt"]
    (waiting,) = host.session().plan(Owned({"kernel-args": {"retired": retired}})).pending
    assert waiting.configured == "without iommu=pt"


@pytest.mark.parametrize("running", ["quiet", "quiet iommu=off"])
def test_an_iommu_that_others_switch_off_from_the_next_boot_on(
    tmp_path: Path, running: str
) -> None:
    host = studio(tmp_path, "quiet iommu=off", running)
    where = ["device[0]"] if running == "quiet" else []
    assert conflicts(host.plan(device=[GPU])) == where
    boot = {"absent_kernel_args": ["iommu=off"]}
    assert conflicts(host.plan(device=[GPU], boot=boot)) == []


def test_every_requirement_is_a_change_of_the_plan(tmp_path: Path) -> None:
    build("sriov-server", tmp_path)
    host = Bench(tmp_path)
    plan = host.plan(boot={"kernel_args": ["nosmt"]})
    assert [(c.id, c.requires) for c in plan.changes] == [("kernel-args", frozenset())]
