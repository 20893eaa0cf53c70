"""What existing domains ask for."""

from __future__ import annotations

import pytest

from reconciler.budget.demand import Present
from reconciler.budget.domain import present
from specs.values import CpuSet

DOMAIN = (
    "<domain type='kvm'><name>a</name><memory unit='GiB'>16</memory>"
    "<memoryBacking><hugepages>{}</hugepages></memoryBacking><vcpu>4</vcpu>"
    "<cputune><vcpupin vcpu='1' cpuset='10'/><vcpupin vcpu='0' cpuset='2-3,^3'/></cputune></domain>"
)


@pytest.mark.parametrize(("page", "kib"), [("<page size='1' unit='GiB'/>", 1048576), ("", 2048)])
def test_pins_memory_and_pages_of_a_domain(page: str, kib: int) -> None:
    assert present(DOMAIN.format(page), autostart=True, default_kib=2048) == Present(
        vcpus=4,
        vcpupin=(CpuSet((2,)), CpuSet((10,))),
        memory_kib=16 * 1048576,
        page_kib=kib,
        autostart=True,
    )


def test_a_domain_without_anything_or_not_readable() -> None:
    assert present("<domain/>", autostart=False).page_kib is None
    assert present("<x", autostart=True) == Present(autostart=True)
