"""Entries that a tool writes: what the contract does not say of them (stand-ins, see the hosts)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backends.bootloader import backend
from backends.bootloader.detect import observe_boot
from backends.bootloader.loaders import kernelstub, proxmox_boot_tool, sdbootutil
from backends.formats.kernelstub_conf import KernelstubError, as_saved, options, with_options
from backends.reader import TreeReader
from backends.steps import Run, WriteFile
from tests.bootloader.sources import Sources
from tests.simulator import tools
from tests.simulator.esp import ROOT
from tests.simulator.tree import TreeBuilder


@pytest.fixture
def tree(tmp_path: Path) -> TreeBuilder:
    """An empty host."""
    return TreeBuilder(tmp_path)


@pytest.mark.parametrize(
    ("name", "declared"),
    [
        ("pop_os", "systemd-boot"),
        ("pop_os", "kernelstub"),
        ("proxmox", "systemd-boot"),
        ("suse_bls", "grub2"),
        ("suse_bls", "sdbootutil"),
    ],
)
def test_who_declares_the_loader_gets_the_tool_that_writes_its_entries(
    tree: TreeBuilder, name: str, declared: str
) -> None:
    getattr(tools, name)(tree, "quiet")
    found = observe_boot(TreeReader(tree.root))
    state = observe_boot(TreeReader(tree.root), declared)
    assert (state.loader, state.problems) == (found.loader, ())


def test_a_loader_that_the_tool_does_not_serve_is_refused(tree: TreeBuilder) -> None:
    tools.pop_os(tree, "quiet")
    (problem,) = observe_boot(TreeReader(tree.root), "grub2").problems
    assert problem.refuse
    assert "kernelstub" in problem.message


def test_the_recovery_partition_of_pop_os_is_left_alone(tree: TreeBuilder) -> None:
    tools.pop_os(tree, "quiet")
    kinds = {e.id: e.kind for e in observe_boot(TreeReader(tree.root)).entries}
    assert kinds["Recovery-9C33"] == "foreign"
    codes = [p.code for p in Sources(tree.root, kernelstub.BACKEND).edit(("a",)).problems]
    assert codes == ["rescue-entry-shared"]


def test_another_spelling_of_kernelstubs_file_is_kept(tree: TreeBuilder) -> None:
    """kernelstub writes its own at every run: the user's bytes follow it."""
    tools.pop_os(tree, "quiet")
    path = tree.root / tools.CONFIGURATION
    path.write_text(json.dumps(json.loads(path.read_text()), indent=4) + "\n")
    host = Sources(tree.root, kernelstub.BACKEND)
    before = path.read_bytes()
    first = host.apply(("a=1",))
    assert [type(s) for s in first.regenerate] == [Run], "an edited one is as it saves it"
    tools.kernelstub(tree)
    last = host.apply(())
    assert last.regenerate[1:] == (WriteFile(f"/{tools.CONFIGURATION}", before, 0o644),)


def test_a_proxmox_line_without_root_is_refused(tree: TreeBuilder) -> None:
    tools.proxmox(tree, "quiet")
    tree.write("/etc/kernel/cmdline", f"quiet\n{ROOT}\n")
    (problem,) = Sources(tree.root, proxmox_boot_tool.BACKEND).state().problems
    assert problem.refuse
    assert "no root=" in problem.message


def test_without_proxmoxs_line_one_is_made_from_what_runs(tree: TreeBuilder) -> None:
    tools.proxmox(tree, "quiet", mounted=False)
    line = tree.root / "etc/kernel/cmdline"
    line.unlink()
    host = Sources(tree.root, proxmox_boot_tool.BACKEND)
    host.apply(("a=1",))
    assert line.read_text() == f"{ROOT} quiet a=1\n"
    host.apply(())
    assert not line.exists()


def test_a_line_made_for_sdbootutil_leaves_the_snapshot_out(tree: TreeBuilder) -> None:
    tools.suse_bls(tree, "quiet")
    line = tree.root / "etc/kernel/cmdline"
    line.unlink()
    Sources(tree.root, sdbootutil.BACKEND).apply(("a=1",))
    assert line.read_text() == f"{ROOT} quiet a=1\n"


@pytest.mark.parametrize("name", ["proxmox", "suse_bls", "pop_os"])
def test_entries_that_are_behind_are_written_again(tree: TreeBuilder, name: str) -> None:
    getattr(tools, name)(tree, "quiet")
    state = observe_boot(TreeReader(tree.root))
    host = Sources(tree.root, backend(state.loader))
    host.apply(("a=1",))  # and the tool has not been run
    behind = host.edit(("a=1",))
    assert not behind.files
    assert "lacks a=1" in behind.why_stale
    assert [type(s) for s in behind.regenerate] == [Run]


def test_kernelstubs_format() -> None:
    text = json.dumps({"user": {"kernel_options": ["a=1", "b"]}}, indent=2)
    assert options(text) == ("a=1", "b")
    assert with_options(text, (), ()) == text
    edited = with_options(text, ["b"], ["c"])
    assert options(edited) == ("a=1", "c")
    assert as_saved(edited) == edited


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"user": 1}', '{"user": {"kernel_options": "a"}}']
)
def test_what_is_not_kernelstubs_is_named(text: str, tree: TreeBuilder) -> None:
    with pytest.raises(KernelstubError):
        options(text)
    tools.pop_os(tree, "quiet")
    tree.write(f"/{tools.CONFIGURATION}", text)
    (problem,) = Sources(tree.root, kernelstub.BACKEND).state().problems
    assert problem.refuse
