"""What is left when a program or the boot partition fails: the old state, and a reason.

Every host whose entries a program makes, with a stand-in for that program that fails in one way.
The real programs fail in tests/roots.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from backends.expect import problem
from backends.files import Marks
from backends.steps import Expect, Ran, Run, StepError
from reconciler.outcome import Outcome
from tests.bootloader.hosts import ARGS, HOSTS, LoaderHost
from tests.simulator.host import Bench, SimHost
from tests.simulator.tree import TreeBuilder

WANTED = {"kernel_args": ["iommu=pt", "a=1"]}
LOST = b" iommu=pt"


class FaultyHost(SimHost):
    """The generator of a kind of host works, or does not. Names of its ways are in ``fault``:
    ``fails``, ``idle`` (success, nothing done), ``loses`` (an entry lacks an argument), or the
    errno of writes to /boot."""

    def __init__(self, tree: TreeBuilder, kind: LoaderHost, fault: str) -> None:
        super().__init__(tree.root)
        self.tree = tree
        self.kind = kind
        self.fault = fault

    def run_step(self, step: Run) -> None:
        """The stand-in, then the check that the step asks for."""
        if self.fault == "fails":
            raise StepError(f"{step.preview()} failed (exit status 1)")
        if self.fault != "idle" and "script-check" not in step.argv[0]:
            self._generate(step)
        if step.expect and (wrong := problem(self.reader, step.expect, Ran("", 0))):
            raise StepError(f"{step.preview()}: {wrong}", where=step.expect.path)

    def _generate(self, step: Run) -> None:
        config = self.root + "/boot/grub/grub.cfg"
        config = config if os.path.exists(config) else self.root + "/boot/grub2/grub.cfg"
        old = Path(config).read_bytes() if step.touches else b""
        self.kind.generate(self.tree)
        if self.fault == "loses" and step.expect:  # undo asks for nothing: the inputs are old
            self._lose(step.expect)
        if step.touches:  # it was told to write aside
            aside = step.touches[0]
            os.rename(config, self.root + aside)
            Path(config).write_bytes(old)

    def _lose(self, expect: Expect) -> None:
        place = self.root + expect.path.removesuffix(".reconcile")
        files = [p for p in (*Path(place).rglob("*"), Path(place)) if p.is_file()]
        victim = next(p for p in files if LOST in p.read_bytes())
        victim.write_bytes(victim.read_bytes().replace(LOST, LOST[:-1] + b"x", 1))

    def write_file(self, path: str, content: bytes, mode: int, marks: Marks | None = None) -> None:
        """See Host."""
        number = getattr(errno, self.fault, 0)
        if number and path.startswith("/boot/") and LOST in content:
            raise OSError(number, os.strerror(number), path)
        super().write_file(path, content, mode, marks)


def applied(name: str, root: Path, fault: str) -> tuple[Outcome, bool]:
    """The outcome on that host, and whether every file is as it was."""
    tree = TreeBuilder(root)
    HOSTS[name].build(tree, ARGS)
    bench = Bench(root)
    bench.host = FaultyHost(tree, HOSTS[name], fault)
    before = files(root)
    outcome = bench.apply(boot=WANTED)
    return outcome, files(root) == before


def files(root: Path) -> dict[str, bytes]:
    """All configuration."""
    tops = (root / "etc", root / "boot")
    return {str(p): p.read_bytes() for t in tops for p in t.rglob("*") if p.is_file()}


GENERATED = sorted(n for n, kind in HOSTS.items() if kind.generate.__name__ != "_nothing")
UNSEEN = ["proxmox-unmounted", "pop-os-without-loader"]
CHECKED = sorted(set(GENERATED) - set(UNSEEN))
EDITED = ["fedora", "rhel-8", "systemd-boot", "refind", "refind-without-options"]


@pytest.mark.parametrize("name", sorted(HOSTS))
def test_it_works_where_nothing_fails(name: str, tmp_path: Path) -> None:
    outcome, same = applied(name, tmp_path, "")
    assert outcome.good, outcome.errors
    assert not same


@pytest.mark.parametrize("name", GENERATED)
def test_a_program_that_fails(name: str, tmp_path: Path) -> None:
    outcome, same = applied(name, tmp_path, "fails")
    assert "failed (exit status 1)" in " ".join(outcome.errors.values())
    assert same


@pytest.mark.parametrize("fault", ["idle", "loses"])
@pytest.mark.parametrize("name", CHECKED)
def test_a_program_that_ends_well_and_has_not_done_it(
    name: str, fault: str, tmp_path: Path
) -> None:
    outcome, same = applied(name, tmp_path, fault)
    said = " ".join(outcome.errors.values())
    assert not outcome.good
    assert "iommu=pt" in said or "wrote nothing" in said
    assert same


@pytest.mark.parametrize("fault", ["ENOSPC", "EROFS", "EIO"])
@pytest.mark.parametrize("name", EDITED)
def test_a_boot_partition_that_cannot_be_written(name: str, fault: str, tmp_path: Path) -> None:
    outcome, same = applied(name, tmp_path, fault)
    (said,) = outcome.errors.values()
    assert os.strerror(getattr(errno, fault)) in said
    assert "/boot/" in said
    assert same
