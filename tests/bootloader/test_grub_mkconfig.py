"""grub-mkconfig hosts: what the sources are turned into, and back."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backends.bootloader.loaders import grub_mkconfig
from backends.bootloader.state import BootEdit, BootState, BootWish, OwnedFile
from backends.formats.cmdline import hugepage_words, tokens
from backends.reader import TreeReader
from backends.steps import RenameFile, Run
from specs.record import replace
from tests.formats.shells import names_in, source
from tests.realworld import params
from tests.simulator.hosts import debian, grub_cfg
from tests.simulator.tree import TreeBuilder

BACKEND = grub_mkconfig.BACKEND
WANTED = ("intel_iommu=on", "iommu=pt", "hugepagesz=1G", "hugepages=4", "hugepages=2")
HEADER = "# Written by reconcile from /s.toml; edit that spec, not this file.\n"


class GrubHost:
    """A tree with GRUB's sources; edits are applied as apply would, regeneration left out."""

    def __init__(self, root: Path, default: bytes, *, drop_ins: bool) -> None:
        self.tree = TreeBuilder(root)
        debian(self.tree, "h", "0" * 32)
        self.tree.write("/etc/default/grub", default)
        if not drop_ins:
            self.tree.write("/etc/os-release", "ID=arch\n")
            self.tree.write("/usr/sbin/grub-mkconfig", "GRUB_CMDLINE_LINUX\n")
            self.tree.link("/bin/sh", "/usr/bin/bash")
            self.tree.write("/usr/bin/bash", "")
        self.owned_files: dict[str, OwnedFile] = {}
        self.owned: tuple[str, ...] = ()

    def state(self) -> BootState:
        """Observed now."""
        reader = TreeReader(self.tree.root)
        return BACKEND.read(reader, ())

    def apply(self, args: Sequence[str], absent: Sequence[str] = ()) -> BootEdit:
        """Edit towards these arguments, remembering what is owned."""
        wish = BootWish(tuple(args), tuple(absent), self.owned, dict(self.owned_files), HEADER)
        change = BACKEND.edit(self.state(), wish)
        assert not [p for p in change.problems if p.refuse], change.problems
        for file in change.files:
            if file.after is None:
                (self.tree.root / file.path.lstrip("/")).unlink()
            else:
                self.tree.write(file.path, file.after)
            if file.after is None or file.after == file.base:
                self.owned_files.pop(file.path, None)
            else:
                digest = hashlib.sha256(file.after).hexdigest()
                self.owned_files[file.path] = OwnedFile(file.base, file.mode, digest)
        self.owned = change.added
        return change

    def content(self) -> dict[str, bytes]:
        """Every file below /etc/default."""
        top = self.tree.root / "etc/default"
        return {str(p): p.read_bytes() for p in sorted(top.rglob("*")) if p.is_file()}

    def value(self, shell: str, name: str) -> str | None:
        """What the real shell makes of a variable after sourcing everything in order."""
        top = self.tree.root / "etc/default"
        paths = [top / "grub", *sorted(top.glob("grub.d/*.cfg"))]
        texts = [p.read_bytes().decode("utf-8", "surrogateescape") for p in paths]
        every = sorted({n for t in texts for n in names_in(t)} | {name})
        values = source(shell, texts, every)
        return None if values is None else values[name]


def _host(tmp_path: Path, content: bytes, mode: str) -> tuple[GrubHost, str]:
    return GrubHost(tmp_path, content, drop_ins=mode == "drop-in"), (
        "dash" if mode == "drop-in" else "bash"
    )


@pytest.mark.realworld
@pytest.mark.parametrize("mode", ["drop-in", "in-place"])
@pytest.mark.parametrize("path", [*params("grub/*grub"), *params("grub/history/*")])
def test_every_real_file_gets_exactly_the_arguments_and_is_given_back(
    tmp_path: Path, path: Path, mode: str
) -> None:
    host, shell = _host(tmp_path, path.read_bytes(), mode)
    before, old = host.content(), host.value(shell, "GRUB_CMDLINE_LINUX_DEFAULT")
    if old is None:
        pytest.fail(f"{shell} cannot source this file: it belongs into the refusals below")
    everywhere = host.value(shell, "GRUB_CMDLINE_LINUX")
    wanted: tuple[str, ...] = WANTED
    if hugepage_words(tokens(f"{everywhere} {old}")):  # theirs and ours cannot stand together
        problems = BACKEND.edit(host.state(), BootWish(WANTED)).problems
        assert [p.code for p in problems if p.refuse] == ["kernel-arg-conflict"]
        wanted = WANTED[:2]
    change = host.apply(wanted)
    new = host.value(shell, "GRUB_CMDLINE_LINUX_DEFAULT")
    assert new is not None
    assert tokens(new) == (*tokens(old), *change.added)
    assert set(change.added) | set(change.already) == set(wanted)
    assert host.value(shell, "GRUB_CMDLINE_LINUX") == everywhere
    assert host.apply(wanted).files == ()
    host.apply(())
    assert host.content() == before


@pytest.mark.parametrize("mode", ["drop-in", "in-place"])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'GRUB_CMDLINE_LINUX_DEFAULT="quiet"',
        b"GRUB_CMDLINE_LINUX_DEFAULT=quiet\r\nGRUB_TIMEOUT=5\r\n",
        b"GRUB_CMDLINE_LINUX_DEFAULT='a b'  # \"c\"\n",
        b'GRUB_CMDLINE_LINUX_DEFAULT="a"\n'
        b'GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT b"\n',
        b'GRUB_CMDLINE_LINUX_DEFAULT="a\\\n b"\n',
        b'export GRUB_CMDLINE_LINUX_DEFAULT="a"; GRUB_TIMEOUT=3\n',
        b'#GRUB_CMDLINE_LINUX_DEFAULT="commented"\n',
        b"GRUB_CMDLINE_LINUX_DEFAULT=\n",
        b'GRUB_CMDLINE_LINUX_DEFAULT="\xff"\n',
    ],
)
def test_every_way_to_write_it(tmp_path: Path, content: bytes, mode: str) -> None:
    test_every_real_file_gets_exactly_the_arguments_and_is_given_back(
        tmp_path, _written(tmp_path, content), mode
    )


def _written(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "sample"
    path.write_bytes(content)
    return path


def test_a_foreign_edit_in_between_survives_undo(tmp_path: Path) -> None:
    host = GrubHost(tmp_path, b'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n', drop_ins=False)
    host.apply(("iommu=pt",))
    path = tmp_path / "etc/default/grub"
    path.write_bytes(path.read_bytes().replace(b"quiet", b"quiet splash") + b"GRUB_TIMEOUT=9\n")
    host.apply(())
    assert path.read_text() == 'GRUB_CMDLINE_LINUX_DEFAULT="quiet splash"\nGRUB_TIMEOUT=9\n'


def test_an_argument_of_others_is_left_to_them(tmp_path: Path) -> None:
    host = GrubHost(tmp_path, b'GRUB_CMDLINE_LINUX="iommu=pt"\n', drop_ins=True)
    change = host.apply(("iommu=pt", "intel_iommu=on"))
    assert (change.already, change.added) == (("iommu=pt",), ("intel_iommu=on",))


def test_absent_arguments_go_from_where_they_are_and_come_back(tmp_path: Path) -> None:
    host = GrubHost(tmp_path, b'GRUB_CMDLINE_LINUX="nomodeset a"\n', drop_ins=True)
    host.tree.write("/etc/default/grub.d/50-cloud.cfg", 'GRUB_CMDLINE_LINUX_DEFAULT="nomodeset"\n')
    before = host.content()
    host.apply((), absent=("nomodeset",))
    assert host.value("dash", "GRUB_CMDLINE_LINUX") == "a"
    assert host.value("dash", "GRUB_CMDLINE_LINUX_DEFAULT") == ""
    host.apply(())
    assert host.content() == before


def test_hugepages_of_others_are_a_conflict(tmp_path: Path) -> None:
    host = GrubHost(tmp_path, b'GRUB_CMDLINE_LINUX="hugepages=64"\n', drop_ins=True)
    wish = BootWish(("hugepagesz=1G", "hugepages=4"))
    change = BACKEND.edit(host.state(), wish)
    assert [p.code for p in change.problems] == ["kernel-arg-conflict"]


def test_a_stale_grub_cfg_is_made_again(tmp_path: Path) -> None:
    host = GrubHost(tmp_path, b'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n', drop_ins=True)
    host.apply(("iommu=pt",))
    wish = BootWish(("iommu=pt",), (), host.owned, host.owned_files, HEADER)
    behind = BACKEND.edit(host.state(), wish)
    assert not behind.files
    assert behind.regenerate
    assert "lacks iommu=pt" in behind.why_stale
    host.tree.write("/boot/grub/grub.cfg", grub_cfg("quiet iommu=pt"))
    assert not BACKEND.edit(host.state(), wish).needed


def test_recovery_entries_are_not_asked_for_arguments(tmp_path: Path) -> None:
    host = GrubHost(tmp_path, b"", drop_ins=True)
    assert [e.kind for e in host.state().entries] == ["normal", "normal", "recovery"]


def test_only_the_header_differs(tmp_path: Path) -> None:
    host = GrubHost(tmp_path, b"", drop_ins=True)
    host.apply(("iommu=pt",))
    host.tree.write("/boot/grub/grub.cfg", grub_cfg("quiet iommu=pt"))
    wish = BootWish(("iommu=pt",), (), host.owned, host.owned_files, HEADER.replace("/s", "/other"))
    assert not BACKEND.edit(host.state(), wish).needed


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from(["quiet", "a=1", "a=2", "console=tty0", "x-y=1"]), max_size=4),
    st.lists(st.sampled_from(["a=1", "b", "x_y=1", "console=ttyS0"]), max_size=3, unique=True),
    st.sampled_from(["drop-in", "in-place"]),
)
def test_edit_is_idempotent_and_reversible(
    tmp_path_factory: pytest.TempPathFactory, there: list[str], wanted: list[str], mode: str
) -> None:
    content = f'GRUB_CMDLINE_LINUX_DEFAULT="{" ".join(there)}"\n'.encode()
    host, shell = _host(tmp_path_factory.mktemp("grub"), content, mode)
    before = host.content()
    change = host.apply(wanted)
    value = host.value(shell, "GRUB_CMDLINE_LINUX_DEFAULT")
    assert tokens(value or "") == (*there, *change.added)
    assert host.apply(wanted).files == ()
    host.apply(())
    assert host.content() == before


def test_problem_of_a_file_that_stops_sh_is_named(tmp_path: Path) -> None:
    host = GrubHost(tmp_path, b'GRUB_CMDLINE_LINUX_DEFAULT="open\n', drop_ins=False)
    change = BACKEND.edit(host.state(), BootWish(("iommu=pt",)))
    (problem,) = change.problems
    assert problem.refuse
    assert "line 1" in problem.message
    assert replace(change, problems=()) == BootEdit(added=(), already=())


def test_words_for_init_in_the_variable_before_ours_are_refused(tmp_path: Path) -> None:
    host = GrubHost(tmp_path, b'GRUB_CMDLINE_LINUX="a -- b"\n', drop_ins=True)
    (problem,) = BACKEND.edit(host.state(), BootWish(("iommu=pt",))).problems
    assert problem.refuse
    assert "for init" in problem.message


# dash goes on after these when it is not told to stop at errors; grub-mkconfig is.
STOPPED_BY = ("append-plus-equals-single-quote.cfg", "unquoted-with-spaces-broken.cfg")


@pytest.mark.realworld
@pytest.mark.parametrize("path", [*params("grub/drop-ins/*"), *params("grub/snippets/*")])
def test_every_real_drop_in_before_ours(tmp_path: Path, path: Path) -> None:
    host = GrubHost(tmp_path, b'GRUB_CMDLINE_LINUX_DEFAULT="lost=1"\n', drop_ins=True)
    name = path.name.rpartition("%")[2]
    host.tree.write(f"/etc/default/grub.d/{name}", path.read_bytes())
    before, old = host.content(), host.value("dash", "GRUB_CMDLINE_LINUX_DEFAULT")
    if old is None or path.name in STOPPED_BY:
        (problem,) = BACKEND.edit(host.state(), BootWish(WANTED)).problems
        assert (problem.refuse, problem.where) == (True, f"/etc/default/grub.d/{name}")
        return
    wanted = WANTED[:2]
    change = host.apply(wanted)
    new = host.value("dash", "GRUB_CMDLINE_LINUX_DEFAULT")
    assert tokens(new or "") == (*tokens(old), *change.added)
    assert change.added == wanted
    assert host.apply(wanted).files == ()
    host.apply(())
    assert host.content() == before


def test_without_a_program_that_checks_it_is_made_and_compared(tmp_path: Path) -> None:
    host = GrubHost(tmp_path, b"", drop_ins=True)
    steps = BACKEND.edit(host.state(), BootWish(("a=1",))).regenerate
    assert [type(s) for s in steps] == [Run, Run, RenameFile]
    (tmp_path / "usr/sbin/grub-script-check").unlink()
    state = host.state()
    (problem,) = state.problems
    assert not problem.refuse
    assert "grub-script-check is missing" in problem.message
    assert BACKEND.edit(state, BootWish(("a=1",))).regenerate == (steps[0], steps[2])
