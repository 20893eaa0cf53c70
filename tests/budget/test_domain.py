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


NONSENSE = (
    "<domain><memory unit='x'>8</memory><vcpu>a</vcpu></domain>",
    "<domain><memory>999999999999999999999999</memory><vcpu>0</vcpu></domain>",
    "<domain><memory>-5</memory><cputune><vcpupin vcpu='x' cpuset='^3'/></cputune></domain>",
    "<domain><memoryBacking><hugepages><page size='3' unit='G'/></hugepages></memoryBacking>"
    "</domain>",
    "<domain><memory>0</memory><memtune><hard_limit/></memtune></domain>",
)


@pytest.mark.parametrize("xml", NONSENSE)
def test_what_libvirt_would_not_take_asks_for_nothing(xml: str) -> None:
    found = present(xml, autostart=False)
    assert (found.memory_kib, found.page_kib, found.vcpupin) == (None, None, ())
    assert found.hard_limit_kib is None


def test_a_domain_without_anything_or_not_readable() -> None:
    assert present("<domain/>", autostart=False).page_kib is None
    assert present("<x", autostart=True) == Present(autostart=True)
