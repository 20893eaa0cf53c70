"""Fedora, RHEL and openSUSE with GRUB: every place that decides a command line, and back.

The trees are recorded (see tests/simulator/grub2.py); no program of these distributions runs.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backends.bootloader.detect import observe_boot
from backends.bootloader.loaders import grub2
from backends.bootloader.state import BootWish
from backends.formats.cmdline import tokens
from backends.formats.grub.env import parse_grubenv
from backends.formats.loader_entry import values
from backends.reader import TreeReader
from backends.steps import RenameFile, Run
from tests.bootloader.sources import Sources
from tests.formats.shells import source
from tests.realworld import params
from tests.simulator import grub2 as hosts
from tests.simulator.tree import TreeBuilder

WANTED = ("intel_iommu=on", "iommu=pt")
FOLDERS = ("/boot", "/etc")
CMDLINE, DEFAULTS = "etc/kernel/cmdline", "etc/default/grub"


@pytest.fixture
def tree(tmp_path: Path) -> TreeBuilder:
    """An empty host."""
    return TreeBuilder(tmp_path)


def sources(tree: TreeBuilder) -> Sources:
    """Its configuration."""
    return Sources(tree.root, grub2.BACKEND)


def text(tree: TreeBuilder, path: str) -> str:
    """A file's content."""
    return (tree.root / path.lstrip("/")).read_text()


def test_fedora_has_all_three_places_alike_and_its_rescue_entry_untouched(
    tree: TreeBuilder,
) -> None:
    hosts.fedora(tree)
    host = sources(tree)
    before = host.content(*FOLDERS)
    change = host.apply(WANTED)
    assert [f.path for f in change.files][-2:] == ["/etc/default/grub", "/etc/kernel/cmdline"]
    assert not change.regenerate
    assert [e.args[-2:] for e in host.state().normal()] == [WANTED, WANTED]
    assert 'GRUB_CMDLINE_LINUX="rhgb quiet intel_iommu=on iommu=pt"\n' in text(tree, DEFAULTS)
    assert text(tree, CMDLINE) == f"{hosts.ROOT} rhgb quiet intel_iommu=on iommu=pt\n"
    assert "iommu" not in text(tree, f"{hosts.ENTRIES}/{hosts.ID}-0-rescue.conf")
    assert text(tree, "/boot/efi/EFI/fedora/grub.cfg") == hosts.STUB
    assert text(tree, "/boot/grub2/grub.cfg") == hosts.BLS_CFG
    assert not host.edit(WANTED).needed
    host.apply(())
    assert host.content(*FOLDERS) == before


def test_without_a_line_for_new_kernels_one_is_made_from_the_default_entry(
    tree: TreeBuilder,
) -> None:
    hosts.fedora(tree, cmdline=None)
    hosts.entry(tree, "6.8.10", f"{hosts.ROOT} rhgb quiet a=1 $tuned_params")
    host = sources(tree)
    before = host.content(*FOLDERS)
    host.apply(WANTED)
    assert text(tree, CMDLINE) == f"{hosts.ROOT} rhgb quiet a=1 intel_iommu=on iommu=pt\n"
    assert "a=1 $tuned_params intel" in text(tree, f"{hosts.ENTRIES}/{hosts.ID}-6.8.10.conf")
    assert not host.edit(WANTED).needed
    host.apply(())
    assert host.content(*FOLDERS) == before


def test_a_line_of_ours_that_somebody_edited_stays_theirs(tree: TreeBuilder) -> None:
    hosts.fedora(tree, cmdline=None)
    host = sources(tree)
    host.apply(WANTED)
    path = tree.root / CMDLINE
    path.write_text(path.read_text().replace("rhgb", "rhgb theirs=1"))
    assert not host.edit(WANTED).needed
    host.apply((*WANTED, "b=1"))
    host.apply(())
    assert path.read_text() == f"{hosts.ROOT} rhgb theirs=1 quiet\n"


def test_a_kernel_installed_in_between_has_them_and_loses_them_with_us(tree: TreeBuilder) -> None:
    hosts.fedora(tree)
    host = sources(tree)
    host.apply(WANTED)
    new = hosts.entry(tree, "6.9.1", text(tree, CMDLINE).strip())
    assert not host.edit(WANTED).needed
    host.apply(())
    assert f"options {hosts.ROOT} rhgb quiet\n" in text(tree, new)


def test_the_line_is_newest_even_when_it_had_the_argument_before(tree: TreeBuilder) -> None:
    hosts.fedora(tree, cmdline=f"{hosts.ROOT} iommu=pt")
    host = sources(tree)
    before = host.content(*FOLDERS)
    change = host.apply(("iommu=pt",))
    assert [f.path for f in change.files][-1] == "/etc/kernel/cmdline"
    assert text(tree, CMDLINE) == f"{hosts.ROOT} iommu=pt\n"
    assert (tree.root / CMDLINE).stat().st_mtime_ns >= (tree.root / DEFAULTS).stat().st_mtime_ns
    new = hosts.entry(tree, "6.9.1", text(tree, CMDLINE).strip())
    made = text(tree, new)
    host.apply(())
    assert text(tree, new) == made, "it has the argument from a line that had it before us"
    (tree.root / new.lstrip("/")).unlink()
    assert host.content(*FOLDERS) == before


def test_an_argument_that_all_places_have_is_left_to_its_owner(tree: TreeBuilder) -> None:
    hosts.fedora(tree)
    change = sources(tree).edit(("quiet", "iommu=pt"))
    assert (change.already, change.added) == (("quiet",), ("iommu=pt",))


def test_absent_arguments_go_everywhere_and_come_back(tree: TreeBuilder) -> None:
    hosts.fedora(tree)
    host = sources(tree)
    before = host.content(*FOLDERS)
    host.apply((), absent=("rhgb",))
    assert all("rhgb" not in e.args for e in host.state().normal())
    assert "rhgb" not in text(tree, CMDLINE) + text(tree, DEFAULTS)
    host.apply(())
    assert host.content(*FOLDERS) == before


def test_a_dollar_sign_does_not_arrive_through_an_entry(tree: TreeBuilder) -> None:
    """tests/roots/test_blscfg.py shows it on a real GRUB."""
    hosts.fedora(tree)
    (problem,) = sources(tree).edit(("memmap=4G$8G",)).problems
    assert (problem.code, problem.refuse) == ("kernel-arg-forbidden", True)


def test_rhel_8_has_them_in_kernelopts(tree: TreeBuilder) -> None:
    hosts.rhel8(tree)
    host = sources(tree)
    before = host.content(*FOLDERS)
    (entry,) = host.state().normal()
    assert entry.args == tokens(f"{hosts.ROOT} crashkernel=auto quiet")
    change = host.apply(WANTED)
    assert [f.path for f in change.files] == ["/etc/default/grub", "/boot/grub2/grubenv"]
    assert [(p.code, p.refuse) for p in change.problems] == [("rescue-entry-shared", False)]
    assert (tree.root / "boot/grub2/grubenv").is_symlink()
    block = text(tree, "/boot/efi/EFI/redhat/grubenv")
    assert parse_grubenv(block)["kernelopts"].split()[-2:] == list(WANTED)
    assert len(block) == 1024
    assert host.state().normal()[0].args == (*entry.args, *WANTED)
    assert "options $kernelopts $tuned_params\n" in text(tree, entry.source)
    assert not (tree.root / CMDLINE).exists()
    assert not host.edit(WANTED).needed
    host.apply(())
    assert host.content(*FOLDERS) == before


def test_what_grub_wrote_into_its_environment_since_then_survives_undo(tree: TreeBuilder) -> None:
    hosts.rhel8(tree)
    host = sources(tree)
    host.apply(WANTED)
    path = tree.root / "boot/efi/EFI/redhat/grubenv"
    path.write_text(path.read_text().replace("boot_success=0", "boot_success=1"))
    host.apply(())
    values = parse_grubenv(path.read_text())
    assert values["boot_success"] == "1"
    assert values["kernelopts"].strip() == f"{hosts.ROOT} crashkernel=auto quiet"


def test_an_entry_of_rhel_8_with_words_of_its_own_is_edited_itself(tree: TreeBuilder) -> None:
    hosts.rhel8(tree)
    own = hosts.entry(tree, "4.18.0-477", f"{hosts.ROOT} debug")
    host = sources(tree)
    host.apply(WANTED)
    assert f"options {hosts.ROOT} debug intel_iommu=on iommu=pt\n" in text(tree, own)


def test_kernelopts_that_do_not_fit_are_refused(tree: TreeBuilder) -> None:
    hosts.rhel8(tree)
    change = sources(tree).edit((f"x={'1' * 900}",))
    assert [(p.code, p.refuse) for p in change.problems] == [("bootloader-unsupported", True)]
    assert not change.files


def test_kernelopts_that_nothing_sets_are_refused(tree: TreeBuilder) -> None:
    hosts.rhel8(tree)
    tree.write("/boot/efi/EFI/redhat/grubenv", hosts.grubenv(boot_success="1"))
    (problem,) = sources(tree).state().problems
    assert problem.refuse
    assert "grub2-mkconfig" in problem.hint


def test_opensuse_is_generated_with_its_own_names(tree: TreeBuilder) -> None:
    hosts.suse(tree)
    host = sources(tree)
    before = host.content(*FOLDERS)
    assert host.state().normal()[0].args == tokens(f"{hosts.ROOT} splash=silent quiet")
    change = host.apply(WANTED)
    assert 'DEFAULT="splash=silent quiet intel_iommu=on iommu=pt"' in text(tree, DEFAULTS)
    make, check, rename = change.regenerate
    aside = "/boot/grub2/grub.cfg.reconcile"
    assert isinstance(make, Run)
    assert isinstance(check, Run)
    assert make.argv == ("grub2-mkconfig", "-o", aside)
    assert check.argv == ("grub2-script-check", aside)
    assert rename == RenameFile(aside, "/boot/grub2/grub.cfg")
    tree.write(
        "/boot/grub2/grub.cfg", hosts.suse_cfg("splash=silent quiet intel_iommu=on iommu=pt")
    )
    assert not host.edit(WANTED).needed
    tree.write("/boot/grub2/grub.cfg", hosts.suse_cfg("splash=silent quiet"))
    host.apply(())
    assert host.content(*FOLDERS) == before


@pytest.mark.parametrize("build", [hosts.fedora, hosts.rhel8, hosts.suse])
def test_found_by_what_lies_there(tree: TreeBuilder, build: Callable[[TreeBuilder], None]) -> None:
    build(tree)
    state = observe_boot(TreeReader(tree.root))
    assert state.loader == "grub2"
    assert not state.problems
    assert state.evidence


def test_a_full_boot_partition_is_refused_only_when_something_would_be_written(
    tree: TreeBuilder,
) -> None:
    hosts.fedora(tree)
    host = Sources(tree.root, grub2.BACKEND)
    reader = Full(tree.root)
    state = grub2.BACKEND.read(reader, ())
    change = grub2.BACKEND.edit(state, BootWish(WANTED))
    assert [(p.code, p.refuse, p.where) for p in change.problems] == [("esp-full", True, "/boot")]
    assert not grub2.BACKEND.edit(state, BootWish(("quiet",))).problems
    assert not host.edit(WANTED).problems


class Full(TreeReader):
    """A host whose boot partition has one block left."""

    def free_bytes(self, path: str) -> int | None:
        """4 KiB."""
        return 4096


def test_an_entry_that_grub_stops_at_is_nobodys(tree: TreeBuilder) -> None:
    hosts.fedora(tree)
    broken = hosts.entry(tree, "6.7.0", 'root=x "open')
    host = sources(tree)
    assert {e.source: e.kind for e in host.state().entries}[broken] == "foreign"
    host.apply(WANTED)
    assert "iommu" not in text(tree, broken)


@pytest.mark.realworld
@pytest.mark.parametrize("path", params("bootentries/entries/*"))
def test_every_real_entry_is_edited_and_given_back(tree: TreeBuilder, path: Path) -> None:
    hosts.fedora(tree)
    placed = tree.root / f"boot/loader/entries/{hosts.ID}-6.0-real.conf"
    placed.write_bytes(path.read_bytes())
    tree.write("/boot/grub2/grubenv", hosts.grubenv(kernelopts="root=x ro quiet"))
    host = sources(tree)
    before = host.content(*FOLDERS)
    source = host.state().source(f"/{placed.relative_to(tree.root)}")
    if source and not values(source.text, "options", grub=True):
        (problem,) = host.edit(WANTED).problems
        assert (problem.refuse, problem.where) == (True, source.path)
        assert "no options line" in problem.message
        return
    host.apply(WANTED)
    found = {e.source: e for e in host.state().entries}[f"/{placed.relative_to(tree.root)}"]
    if found.kind == "normal":
        assert set(WANTED) <= set(found.args)
    else:
        assert placed.read_bytes() == path.read_bytes()
    assert not host.edit(WANTED).needed
    host.apply(())
    assert host.content(*FOLDERS) == before


_WORDS = st.lists(st.sampled_from(["quiet", "a=1", "a=2", "rhgb"]), max_size=4)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    _WORDS,
    _WORDS,
    _WORDS,
    st.lists(st.sampled_from(["a=1", "b", "c=d"]), max_size=3, unique=True),
    st.booleans(),
)
def test_whatever_stands_where_twice_is_once_and_undo_is_the_identity(
    tmp_path_factory: pytest.TempPathFactory,
    line: list[str],
    default: list[str],
    options: list[str],
    wanted: list[str],
    has_line: bool,
) -> None:
    tree = TreeBuilder(tmp_path_factory.mktemp("bls"))
    hosts.fedora(tree, cmdline=" ".join(["root=x", *line]) if has_line else None)
    tree.write("/etc/default/grub", f'GRUB_CMDLINE_LINUX="{" ".join(default)}"\n')
    hosts.entry(tree, "6.8.9", " ".join(["root=x", *options]))
    host = sources(tree)
    before = host.content(*FOLDERS)
    host.apply(wanted)
    assert all(set(wanted) <= set(e.args) for e in host.state().normal())
    assert set(wanted) <= set(text(tree, DEFAULTS).replace('"', " ").split())
    if (tree.root / CMDLINE).exists():
        assert set(wanted) <= set(text(tree, CMDLINE).split())
    assert not host.edit(wanted).needed
    host.apply(())
    assert host.content(*FOLDERS) == before


def test_fedoras_mkconfig_that_writes_all_entries_anew_changes_nothing(tree: TreeBuilder) -> None:
    """As its 10_linux does (RHEL from 9.3 on leaves the entries alone): root=, ro, the variable;
    an /etc/kernel/cmdline that is older than /etc/default/grub it writes as well."""
    hosts.fedora(tree)
    host = sources(tree)
    before = host.content(*FOLDERS)
    host.apply(WANTED)
    line = tree.root / CMDLINE
    assert line.stat().st_mtime_ns >= (tree.root / DEFAULTS).stat().st_mtime_ns
    values = source("bash", [text(tree, DEFAULTS)], ["GRUB_CMDLINE_LINUX"])
    assert values is not None
    for kernel in ("6.8.9", "6.8.10"):
        hosts.entry(tree, kernel, f"{hosts.ROOT} {values['GRUB_CMDLINE_LINUX']}")
    assert not host.edit(WANTED).needed
    host.apply(())
    assert host.content(*FOLDERS) == before
