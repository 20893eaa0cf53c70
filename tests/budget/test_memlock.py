"""What is said of libvirt's own limit of locked memory."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.budget.demand import demands
from reconciler.budget.domain import present
from reconciler.budget.memlock import libvirt_findings
from tests.budget.hosts import codes, vm

DOMAIN = "<domain type='kvm'><name>a</name><memory unit='GiB'>8</memory>{}</domain>"
MEMTUNE = "<memtune><hard_limit unit='GiB'>20</hard_limit></memtune>"
LOCKED = "<memoryBacking><locked/></memoryBacking>"
VIOMMU = "<devices><iommu model='intel'/></devices>"


def said(more: str = "", **keys: Any) -> str:
    """The message about a VM with this in its domain; "" for none."""
    has = {"a": present(DOMAIN.format(more), autostart=False)}
    findings = list(libvirt_findings(demands([vm("a", **keys)], {}, has)))
    assert codes(findings) in ([], ["note memlock-libvirt vm[0]"])
    return findings[0].message if findings else ""


@pytest.mark.parametrize(
    ("more", "keys", "limit"),
    [
        ("", {"devices": ["gpu"]}, "9G: its 8G and 1G for its 1 device"),
        ("", {"devices": ["gpu"], "memory": {"size": "16G"}}, "17G: its 16G and 1G for its 1 dev"),
        (VIOMMU, {"devices": ["gpu", "nic"]}, "17G: its 8G 2 times and 1G for its 2 devices"),
        (LOCKED, {}, "as much as it wants, since its memory is locked"),
        ("", {"memory": {"locked": True}}, "as much as it wants"),
        (MEMTUNE + LOCKED, {"devices": ["gpu"]}, "20G, its hard_limit"),
    ],
)
def test_the_limit_is_the_one_that_libvirt_will_set(
    more: str, keys: dict[str, Any], limit: str
) -> None:
    assert said(more, **keys).startswith(f"libvirt lets a lock {limit}")


def test_nothing_is_said_of_a_vm_that_locks_nothing() -> None:
    assert said() == said(LOCKED, memory={"locked": False}) == ""
