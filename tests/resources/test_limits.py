"""[limits]: the file, and what it does not reach."""

from __future__ import annotations

import pytest

from reconciler.resources.limits import PATH, RESOURCE
from tests.budget.hosts import codes
from tests.resources.bench import Bench


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
