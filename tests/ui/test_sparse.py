"""Hosts of which little can be seen: told in every format, "unknown" where it cannot be told."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from backends.reader import CaptureError, TreeReader
from backends.recorded import CaptureReader
from backends.topology.numa import StrangeFile
from reconciler.inspection import inspect
from reconciler.inspection.model import schema
from reconciler.observe import HostState
from reconciler.render.html.inspect_page import page
from reconciler.render.inspect_markdown import markdown
from reconciler.render.inspect_text import text
from reconciler.starter.describe import describe
from tests.cli import run
from tests.devices.planning import state_of
from tests.simulator.hosts import build
from tests.simulator.tree import TreeBuilder

REPO = Path(__file__).parents[2]
SCHEMA = Draft202012Validator(schema())


def told(state: HostState) -> dict[str, Any]:
    """The host in every format; its document."""
    found = inspect(state)
    SCHEMA.validate(found.to_json())
    assert all(check.message for check in found.readiness)
    assert max(map(len, text(found, verbose=True).splitlines())) <= 80
    assert markdown(found)
    assert page(found)
    assert describe(state, "x")
    return found.to_json()


def test_of_an_empty_folder_nothing_is_claimed(tmp_path: Path) -> None:
    found = told(state_of(TreeReader(tmp_path)))
    assert {check["status"] for check in found["readiness"]} == {"unknown"}
    assert found["host"]["iommu"] == "unknown"
    assert found["memory"]["total_kib"] is None
    shown = run("--inspect", "--root", tmp_path).out
    assert "Memory  not shown here" in shown
    assert "running     not known" in shown
    assert run("--init", "--root", tmp_path).code == 0


def test_a_device_alone(tmp_path: Path) -> None:
    """A bare bus: whether a VM can have the device is not known, and that is what is said."""
    TreeBuilder(tmp_path).function("0000:01:00.0")
    found = told(state_of(TreeReader(tmp_path)))
    assert [(f["address"], f["assignable"]["answer"]) for f in found["pci"]] == [
        ("0000:01:00.0", "unknown")
    ]
    assert "not known, neither /sys/kernel/iommu_groups nor" in " ".join(
        run("--inspect", "--root", tmp_path).out.split()
    )


@pytest.mark.parametrize(
    ("missing", "check"),
    [
        ("proc/meminfo", ""),
        ("proc/cpuinfo", ""),
        ("proc/cmdline", ""),
        ("proc/self", ""),
        ("proc", "kernel"),
        ("dev", "kvm"),
        ("sys/devices/system/node", ""),
        ("sys/devices/system/cpu", ""),
        ("sys/kernel/mm", ""),
        ("sys/kernel/irq", "interrupt-remapping"),
        ("sys/bus", ""),
        ("sys/class", ""),
        ("sys", "iommu"),
        ("lib/modules", "vfio"),
        ("boot", "boot-configuration"),
        ("etc", ""),
        ("usr", ""),
    ],
)
def test_a_host_without(missing: str, check: str, tmp_path: Path) -> None:
    build("amd-workstation", tmp_path)
    gone = tmp_path / missing
    if gone.is_dir():
        shutil.rmtree(gone)
    else:
        gone.unlink()
    found = told(state_of(TreeReader(tmp_path)))
    status = {c["check"]: c["status"] for c in found["readiness"]}
    assert not check or status[check] == "unknown", found["readiness"]


NODES: dict[str, dict[str, Any]] = json.loads(
    (REPO / "examples/amd-workstation/capture.json").read_text()
)["nodes"]
READ = sorted(
    path for path, node in NODES.items() if node.get("text") and path[:5] in ("/proc", "/sys/")
)
JUNK = st.sampled_from(
    ["", "\n", "x", "-1", "0x", "99999999999999999999", "a: b\n", "\x00\x1b[31m"]
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(READ), st.one_of(JUNK, st.text(max_size=40)), max_size=4))
def test_whatever_the_files_say_there_is_an_answer(said: dict[str, str]) -> None:
    """Junk in files of the kernel: every format works, or an error names the file."""
    nodes = {
        path: {**node, "text": said.get(path, node.get("text"))} for path, node in NODES.items()
    }
    # A capture holds no more than what was read: junk may lead to files that are not in it.
    with contextlib.suppress(StrangeFile, CaptureError):
        told(state_of(CaptureReader(nodes, [])))
