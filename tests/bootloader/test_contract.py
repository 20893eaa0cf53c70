"""What every boot loader keeps, on every host that there is of it (recorded trees).

A new loader is held to it as soon as it has a module and a host.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from backends.bootloader import backend, declarable, names
from backends.bootloader.detect import observe_boot
from backends.bootloader.state import BootEdit, BootState
from backends.formats.cmdline import tokens
from backends.reader import TreeReader
from backends.steps import Run
from reconciler.model import Severity
from specs.boot import LOADERS
from specs.record import replace
from specs.spec import HostSpec
from tests.bootloader.hosts import ARGS, HOSTS, LoaderHost
from tests.bootloader.sources import Sources
from tests.devices.planning import plan_on, state_of
from tests.simulator.tree import TreeBuilder

FOLDERS = ("/boot", "/etc")
THEIRS = tokens(ARGS)
WANTED = ("intel_iommu=on", "iommu=pt", "hugepagesz=1G", "hugepages=4", "hugepagesz=2M")


@dataclass
class Machine:
    """One of the hosts, edited as apply would, with its generator run after each edit."""

    kind: LoaderHost
    tree: TreeBuilder
    sources: Sources

    @property
    def state(self) -> BootState:
        """Observed now, as a plan would."""
        return observe_boot(TreeReader(self.tree.root))

    @property
    def files(self) -> dict[str, bytes]:
        """All there is."""
        return self.sources.content(*FOLDERS)

    def apply(self, args: Sequence[str], absent: Sequence[str] = ()) -> BootEdit:
        """Edit, then generate."""
        change = self.sources.apply(args, absent)
        self.kind.generate(self.tree)
        return change

    def ends(self) -> list[tuple[str, ...]]:
        """The arguments of every normal entry without what the distribution adds (root=); where
        entries cannot be read, what they are made from."""
        entries = [e.args for e in self.state.normal()] or [self.state.configured or ()]
        return [tuple(a for a in args if not a.startswith(("root", "ro"))) for args in entries]

    def ways_back(self) -> dict[str, tuple[str, ...]]:
        """The arguments of the entries that must stay as they are."""
        return {e.id: e.args for e in self.state.entries if e.kind == "recovery"}


def booted(name: str, root: Path, args: str = ARGS) -> Machine:
    """The host of that name; its normal entries have these arguments."""
    kind, tree = HOSTS[name], TreeBuilder(root)
    kind.build(tree, args)
    return Machine(kind, tree, Sources(root, backend(kind.loader)))


@pytest.fixture(params=sorted(HOSTS))
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Machine:
    """Every host in turn."""
    return booted(request.param, tmp_path)


def unquoted(args: Sequence[str]) -> tuple[str, ...]:
    """The kernel reads ``"a=b c"`` and ``a="b c"`` alike; GRUB makes the first of the second."""
    return tuple(a.replace('"', "") for a in args)


def test_every_loader_has_a_host_and_can_be_declared() -> None:
    assert {kind.loader for kind in HOSTS.values()} == set(names())
    assert set(LOADERS) <= set(declarable())


def test_it_is_found_without_doubt(machine: Machine) -> None:
    state = machine.state
    assert state.loader == machine.kind.loader
    assert state.evidence
    assert len({e.id for e in state.entries}) == len(state.entries)
    assert not [p for p in state.problems if p.refuse]
    declared = observe_boot(TreeReader(machine.tree.root), machine.kind.loader)
    assert not [p for p in declared.problems if p.refuse]


@pytest.mark.parametrize("args", [(), ("a=1",)])
@pytest.mark.parametrize("name", sorted(HOSTS))
def test_a_loader_that_is_not_here_is_refused_whatever_is_wanted(
    name: str, args: tuple[str, ...], tmp_path: Path
) -> None:
    tree = booted(name, tmp_path).tree
    for declared in declarable():
        state = observe_boot(TreeReader(tree.root), declared)
        spec = HostSpec.model_validate(
            {"version": 1, "boot": {"loader": declared, "kernel_args": args}},
            context={"loaders": declarable()},
        )
        plan = plan_on(replace(state_of(tree.reader()), boot=state), boot=spec.boot)
        codes = [f.code for f in plan.findings if f.severity is Severity.REFUSE]
        assert codes == ([] if state.found else ["bootloader-unsupported"]), declared
        assert declared != "auto" or state.found


def test_every_normal_entry_gets_exactly_the_arguments(machine: Machine) -> None:
    back = machine.ways_back()
    machine.apply(WANTED)
    assert machine.ends()
    assert set(machine.ends()) == {(*THEIRS, *WANTED)}
    if back:
        assert machine.ways_back() == back


def test_a_kernel_to_come_gets_them_too(machine: Machine) -> None:
    machine.apply(WANTED)
    assert (machine.state.configured or ())[-len(WANTED) :] == WANTED


def test_twice_is_once(machine: Machine) -> None:
    machine.apply(WANTED)
    files = machine.files
    assert not machine.sources.edit(WANTED).needed
    assert not machine.apply(WANTED).needed
    assert machine.files == files


def test_undo_is_the_identity(machine: Machine) -> None:
    before = machine.files
    machine.apply(WANTED)
    assert machine.files != before
    machine.apply(())
    assert machine.files == before
    assert not machine.sources.edit(()).needed


def test_one_argument_changes_and_the_others_stay_where_they_are(machine: Machine) -> None:
    before = machine.files
    machine.apply(("c=1", "d=1"))
    machine.apply(("c=2", "d=1"))
    for args in machine.ends():
        assert args[: len(THEIRS)] == THEIRS
        assert sorted(args[len(THEIRS) :]) == ["c=2", "d=1"]
    machine.apply(())
    assert machine.files == before


def test_names_are_compared_whole_and_dash_is_underscore(machine: Machine) -> None:
    machine.apply(("x_y=1", "console=tty0", "qui=1", "tty0"))
    assert {args[len(THEIRS) :] for args in machine.ends()} == {("qui=1", "tty0")}


def test_what_must_be_absent_goes_and_comes_back(machine: Machine) -> None:
    before = machine.files
    machine.apply(("d=1",), absent=("quiet", "console=tty0"))
    rest = tuple(a for a in THEIRS if a not in ("quiet", "console=tty0"))
    assert set(machine.ends()) == {(*rest, "d=1")}
    machine.apply(())
    assert machine.files == before


@pytest.mark.parametrize("name", sorted(HOSTS))
def test_words_behind_two_dashes_are_the_init_programs(name: str, tmp_path: Path) -> None:
    machine = booted(name, tmp_path, "quiet -- a=1 quiet")
    before = machine.files
    if refused := [p for p in machine.sources.edit(("a=1",)).problems if p.refuse]:
        assert "for init" in refused[0].message, "ours cannot stand before them"
        return
    machine.apply(("a=1",), absent=("quiet",))
    assert set(machine.ends()) == {("a=1", "--", "a=1", "quiet")}
    machine.apply(())
    assert machine.files == before


def test_a_value_with_spaces_is_one_argument(machine: Machine) -> None:
    before = machine.files
    args = ('dyndbg="file b.c +p"', 'a.b="!c;d&e|f<g"', "h=*?[i](j)#k")
    machine.apply(args)
    assert {unquoted(ends[-3:]) for ends in machine.ends()} == {unquoted(args)}
    assert not machine.sources.edit(args).needed
    machine.apply(())
    assert machine.files == before


def test_a_dollar_sign_arrives_or_is_refused(machine: Machine) -> None:
    args = ("memmap=4G$8G",)
    if refused := [p for p in machine.sources.edit(args).problems if p.refuse]:
        assert [p.code for p in refused] == ["kernel-arg-forbidden"]
        return
    machine.apply(args)
    assert {ends[-1] for ends in machine.ends()} == set(args)


def test_programs_it_runs_are_checked_by_what_they_made(machine: Machine) -> None:
    change = machine.sources.edit(WANTED)
    makers = [s for s in change.regenerate if isinstance(s, Run)]
    unseen = "entries-unseen" in {p.code for p in change.problems}
    assert not makers or unseen is not any(s.expect for s in makers)


def test_the_loaders_own_program_and_stub_are_never_written(machine: Machine) -> None:
    for file in machine.sources.edit(WANTED).files:
        assert not file.path.endswith((".efi", "/grub.cfg"))


def test_a_loader_without_a_backend_is_none() -> None:
    with pytest.raises(KeyError):
        backend("lilo")
