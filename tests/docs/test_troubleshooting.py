"""What docs/troubleshooting.md says that --inspect shows is what it shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli import run
from tests.simulator.tree import TreeBuilder

PAGE = Path(__file__).parents[2] / "docs/troubleshooting.md"


def rmrr(tree: TreeBuilder) -> None:
    """A NIC whose memory firmware keeps."""
    tree.function("0000:03:00.0", "0x020000", "14e4:1657", driver="tg3", group=1)
    home = "/sys/kernel/iommu_groups/1/reserved_regions"
    tree.write(home, "0x000000007d7e3000 0x000000007d7effff direct\n")


def power_state(tree: TreeBuilder) -> None:
    """A GPU that was put to sleep and does not wake."""
    path = tree.function(
        "0000:01:00.0", ids="1002:731f", driver="vfio-pci", group=1, power_state="D3cold"
    )
    tree.write(f"{path}/power/runtime_status", "active\n")


@pytest.mark.parametrize(("name", "host"), [("rmrr", rmrr), ("power-state", power_state)])
def test_what_inspect_shows(tmp_path: Path, name: str, host: Callable[[TreeBuilder], None]) -> None:
    tree = TreeBuilder(tmp_path)
    tree.cpu()
    tree.iommu()
    host(tree)
    tree.mount("tmpfs", "/", "tmpfs")
    tree.finish()
    block = rf"<!-- inspect: {name} -->\n```output\n(.*?)```"
    found = re.search(block, PAGE.read_text(), re.DOTALL)
    assert found is not None
    assert found[1] in run("--inspect", "--root", tmp_path).out
