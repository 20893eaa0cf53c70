"""What a trial boot has to show before it confirms itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backends.runner import Place, here
from reconciler import ownership
from reconciler.cli import parse
from reconciler.modes.confirm import Unmet, look, session_of, wait
from reconciler.source import Source
from reconciler.trial.record import Armed, armed
from tests.simulator.host import Bench, SimHost
from tests.trial import hosts
from tests.trial.hosts import boots, grub_starts
from tests.trial.test_phases import Tree

ARGS = parse(["--confirm", "--checked", "--quiet"])
GPU = "0000:01:00.0"


class WithPrograms(SimHost):
    """A simulated host on which this machine's own programs run."""

    def place(self) -> Place:
        """This machine."""
        return here()


class InTrial:
    """A simulated host in its trial boot, with a card for a VM."""

    def __init__(self, root: Path, *, device: bool, **boot: Any) -> None:
        self.tree = hosts.grub_menu(root)
        self.tree.function(GPU, "0x030000", "10de:2489", driver="nouveau", group=7)
        self.tree.iommu()
        self.bench = Bench(root)
        self.bench.host = WithPrograms(root)
        table = [{"name": "gpu", "address": GPU}] if device else []
        spec = {"trial": True, "kernel_args": ["mitigations=auto"], **boot}
        assert self.bench.apply(boot=spec, device=table).good
        grub_starts(root, "boot-2")
        text = (root / "boot/grub/custom.cfg").read_text()
        line = next(x for x in reversed(text.splitlines()) if "vmlinuz" in x).split(None, 2)[2]
        boots(root, line, "boot-2")

    def problems(self) -> list[str]:
        """What is not as it should be."""
        host = self.bench.host
        return look(session_of(self.there, self.source), self.there, host, ARGS)

    @property
    def there(self) -> Armed:
        """What is remembered of the trial."""
        found = armed(ownership.read(self.bench.host.reader))
        assert found is not None
        return found

    @property
    def source(self) -> Source:
        """Where it is looked."""
        return Source(self.bench.host.reader, self.bench.host, "none")


def test_nothing_is_wrong_with_a_good_boot(tmp_path: Path) -> None:
    assert InTrial(tmp_path, device=False).problems() == []


def test_the_device_is_bound_and_then_all_is_well(tmp_path: Path) -> None:
    trial = InTrial(tmp_path, device=True)
    assert trial.problems() == []
    link = tmp_path / f"sys/bus/pci/devices/{GPU}/driver"
    assert link.resolve().name == "vfio-pci"


def test_a_lost_route_and_a_read_only_root(tmp_path: Path) -> None:
    trial = InTrial(tmp_path, device=False)
    head = (tmp_path / "proc/net/route").read_text().splitlines()[0]
    trial.tree.write("/proc/net/route", head + "\n")
    mounts = (tmp_path / "proc/self/mountinfo").read_text()
    trial.tree.write("/proc/self/mountinfo", mounts.replace("/dev/sda2 rw", "/dev/sda2 ro"))
    assert trial.problems() == ["the root file system is read-only", "there is no default route"]


@pytest.mark.parametrize(
    ("argv", "words"),
    [(["true"], ""), (["false"], "exit status 1"), (["no-such-program"], "not found")],
)
def test_commands_of_the_spec(tmp_path: Path, argv: list[str], words: str) -> None:
    trial = InTrial(tmp_path, device=False, checks=[argv])
    found = trial.problems()
    assert [words in problem for problem in found] == ([True] if words else [])


def test_it_gives_up_in_time(tmp_path: Path) -> None:
    trial = InTrial(tmp_path, device=False, checks=[["false"]])
    session = session_of(trial.there, trial.source)
    with pytest.raises(Unmet, match="exit status 1"):
        wait(session, trial.there, trial.bench.host, ARGS, patience=0.05, pause=0.02)


def test_the_spec_that_was_tried_is_what_counts(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.apply()
    tree.spec.write_text("version = 1\n")
    tree.reboots()
    there = armed(ownership.read(hosts.reader(tree.root)))
    assert there is not None
    assert there.spec["boot"]["kernel_args"] == ["mitigations=auto"]
