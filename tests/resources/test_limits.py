"""[limits]: the file, and what it does not reach."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.resources.limits import PATH, RESOURCE
from tests.budget.hosts import codes
from tests.resources.bench import Bench
from tests.simulator.host import Bench as SimulatedHost
from tests.simulator.hosts import build


def bench(group: str) -> Bench:
    return Bench(RESOURCE, lambda files, step: None, files={"/etc/group": group})


@pytest.mark.parametrize(("memlock", "value"), [("unlimited", "unlimited"), ("64G", "67108864")])
def test_the_limit_is_soft_and_hard_and_in_kib(memlock: str, value: str) -> None:
    (wish,) = bench("kvm:x:1:\n").wishes(limits={"memlock": memlock}).files
    assert wish.path == PATH
    assert wish.content.decode().splitlines()[1:] == [f"@kvm - memlock {value}"]


def test_what_libvirt_does_by_itself_is_said() -> None:
    plan = bench("root:x:0:\nkvm:x:1:\n").plan(limits={"memlock": "unlimited"})
    assert codes(plan.findings) == ["note memlock-libvirt limits.memlock"]


def test_a_limit_for_nobody_is_said() -> None:
    plan = bench("root:x:0:\n").plan(limits={"memlock": "unlimited"})
    assert "warn memlock-no-group limits.memlock" in codes(plan.findings)


def test_nothing_declared_is_nothing_wished() -> None:
    host = bench("")
    assert host.wishes().files == ()
    assert host.plan().findings == ()


def test_a_limit_is_a_change_of_its_own_kind_there_and_back(tmp_path: Path) -> None:
    build("amd-workstation", tmp_path)
    host = SimulatedHost(tmp_path)
    wanted = {"limits": {"memlock": "8G"}}
    assert [(c.kind, c.object) for c in host.plan(**wanted).changes] == [("limits", PATH)]
    assert host.apply(**wanted).good
    assert [(c.kind, c.after) for c in host.plan().changes] == [("limits", None)]
