"""rEFInd beyond the contract: what its two files may look like (recorded trees)."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.bootloader.detect import observe_boot
from backends.bootloader.loaders.refind import BACKEND, OPTIONS
from backends.reader import TreeReader
from tests.bootloader.sources import Sources
from tests.simulator import esp, hosts, refind
from tests.simulator.tree import TreeBuilder

CONFIG = "/boot/efi/EFI/refind/refind.conf"


@pytest.fixture
def tree(tmp_path: Path) -> TreeBuilder:
    """A host that refind-install has set up."""
    t = TreeBuilder(tmp_path)
    refind.refind(t, "quiet")
    return t


def test_both_ways_back_stay_and_the_rest_of_the_file_too(tree: TreeBuilder) -> None:
    tree.write(OPTIONS, f"# mine\n{(tree.root / OPTIONS[1:]).read_text()}\t\n")
    Sources(tree.root, BACKEND).apply(("iommu=pt",))
    assert (tree.root / OPTIONS[1:]).read_text() == (
        f'# mine\n"Boot with standard options"  "{refind.ROOT} quiet iommu=pt"\n'
        f'"Boot to single-user mode"    "{refind.ROOT} quiet single"\n'
        f'"Boot with minimal options"   "{refind.ROOT}"\n\t\n'
    )


def test_without_a_file_one_is_made_from_what_runs_and_stays_when_that_changes(
    tree: TreeBuilder,
) -> None:
    (tree.root / OPTIONS[1:]).unlink()
    host = Sources(tree.root, BACKEND)
    assert "does not exist" in host.state().configured_gap
    host.apply(("iommu=pt",))
    made = (tree.root / OPTIONS[1:]).read_text()
    assert made.splitlines()[1:] == [
        f'"Boot with standard options"  "{refind.ROOT} quiet iommu=pt"',
        f'"Boot to single-user mode"  "{refind.ROOT} quiet single"',
        f'"Boot with minimal options"  "{refind.ROOT.replace(" ro", "")} ro"',
    ]
    tree.write("/proc/cmdline", f"{refind.ROOT} once=1 initrd=x\n")
    assert not host.edit(("iommu=pt",)).needed
    host.apply(("iommu=pt", "a=1"))
    assert f'"{refind.ROOT} quiet iommu=pt a=1"' in (tree.root / OPTIONS[1:]).read_text()
    host.apply(())
    assert not (tree.root / OPTIONS[1:]).exists()


def test_a_made_file_that_somebody_edited_stays_theirs(tree: TreeBuilder) -> None:
    (tree.root / OPTIONS[1:]).unlink()
    host = Sources(tree.root, BACKEND)
    host.apply(("iommu=pt",))
    path = tree.root / OPTIONS[1:]
    path.write_text(path.read_text().replace("quiet iommu", "quiet theirs=1 iommu"))
    host.apply(())
    assert f'"{refind.ROOT} quiet theirs=1"' in path.read_text()


def test_a_line_that_is_not_understood_is_refused(tree: TreeBuilder) -> None:
    tree.write(OPTIONS, '"Boot" "quiet"\nBoot again\n')
    (problem,) = Sources(tree.root, BACKEND).state().problems
    assert (problem.refuse, problem.where) == (True, OPTIONS)
    assert "line 2" in problem.message


@pytest.mark.parametrize(
    ("stanza", "refused"),
    [
        ("menuentry Arch {\n  loader /vmlinuz-linux\n  options root=x\n}\n", True),
        ("menuentry Arch {\n  loader /vmlinuz-linux\n  options root=x\n  disabled\n}\n", False),
        ("menuentry Windows {\n  loader /EFI/Microsoft/bootmgfw.efi\n}\n", False),
        (
            'menuentry "A B" {\n  loader /vmlinuz\n  options "a"\n'
            "  submenuentry x {\n    options b\n  }\n  disabled\n}\n",
            False,
        ),
        (
            "menuentry Arch {\n  loader /vmlinuz\n  options a\n  submenuentry x {\n    disabled\n"
            "  }\n}\n",
            True,
        ),
        ("#menuentry Arch {\n#  options root=x\n#}\n", False),
    ],
)
def test_entries_of_the_users_own_are_refused(
    tree: TreeBuilder, stanza: str, refused: bool
) -> None:
    tree.write(CONFIG, f"timeout 5\n{stanza}")
    problems = Sources(tree.root, BACKEND).state().problems
    assert [p.where for p in problems] == ([CONFIG] if refused else [])


def test_what_ran_decides_between_it_and_others(tree: TreeBuilder) -> None:
    esp.entry(tree, "x.conf")
    tree.write("/boot/efi/loader/loader.conf", "timeout 1\n")
    state = observe_boot(TreeReader(tree.root))
    assert [p.where for p in state.problems] == ["boot.loader"], "both look like it"
    assert "systemd-boot" in state.problems[0].hint
    assert not observe_boot(TreeReader(tree.root), "refind").problems
    tree.write(esp.SECURE_BOOT, b"\6\0\0\0\0")  # variables are there, and no LoaderInfo
    state = observe_boot(TreeReader(tree.root))
    assert (state.loader, state.problems) == ("refind", ())
    assert any("left over from systemd-boot" in sentence for sentence in state.evidence)


def test_grub_that_it_starts_is_what_counts(tree: TreeBuilder) -> None:
    hosts.debian(tree, "h", "0" * 32)
    state = observe_boot(TreeReader(tree.root))
    assert (state.loader, state.problems) == ("grub-mkconfig", ())
