"""[cpu], [hugepages] and [limits] on a real machine: applied, rebooted, and taken back."""

from __future__ import annotations

import pytest

from tests.lab.conftest import Lab
from tests.lab.guest import Guest
from tests.lab.tool import SPEC, Reconcile

pytestmark = [pytest.mark.lab, pytest.mark.long]

WANTED = """version = 1
[cpu]
isolated = "2-3,6-7"
reserved = "0-1,4-5"
nohz_full = true
rcu_nocbs = true
irq_affinity = true
slices = true
[[hugepages.pages]]
size = "1G"
count = 1
node = 1
[[hugepages.pages]]
size = "2M"
count = 64
node = 0
[limits]
memlock = "unlimited"
"""
CPU = "/sys/devices/system/cpu"
MOUNT = "/dev/reconcile/hugepages1G"
OURS = "find /etc -name '*reconcile*' ! -path '/etc/reconcile*' | sort"


@pytest.mark.xdist_group("cpu-memory")
def test_a_host_is_divided_and_made_whole_again(lab: Lab) -> None:
    guest = lab.boot("grub-efi")
    reconcile = Reconcile(guest)
    before = _running(guest)
    guest.write(SPEC, WANTED)
    applied = reconcile.apply()
    assert applied["summary"]["reboot"] == 1
    _runs_divided(guest)
    assert reconcile("--apply", "--detailed-exitcode") == 4
    guest.reboot()
    _booted_divided(guest)
    _runs_divided(guest)
    assert reconcile.in_sync()
    guest.write(SPEC, "version = 1\n")
    reconcile.apply()
    assert guest.out(OURS) == ""
    guest.reboot()
    assert _running(guest) == before
    assert reconcile.in_sync()
    lab.end(guest)


def _runs_divided(guest: Guest) -> None:
    """What needs no reboot."""
    for unit in ("init.scope", "system.slice", "user.slice"):
        effective = f"/sys/fs/cgroup/{unit}/cpuset.cpus.effective"
        assert guest.out(f"cat {effective}").strip() == "0-1,4-5"
    assert guest.out("cat /proc/irq/default_smp_affinity").strip() == "33"
    assert (_pool(guest, 0, 2048), _pool(guest, 1, 2048)) == (64, 0)
    assert "pagesize=1024M" in guest.out(f"grep {MOUNT} /proc/mounts")


def _booted_divided(guest: Guest) -> None:
    """What the kernel made of the arguments. The page of 1G is on node 1: on node 0 the kernel may
    itself lie in the only free gigabyte, and 6.1 takes one of another node then."""
    assert guest.out(f"cat {CPU}/isolated").strip() == "2-3,6-7"
    assert guest.out(f"cat {CPU}/nohz_full").strip() == "2-3,6-7"
    assert (_pool(guest, 0, 1048576), _pool(guest, 1, 1048576)) == (0, 1)


def _pool(guest: Guest, node: int, kib: int) -> int:
    base = f"/sys/devices/system/node/node{node}/hugepages/hugepages-{kib}kB"
    return int(guest.out(f"cat {base}/nr_hugepages"))


def _running(guest: Guest) -> list[str]:
    """Everything of the running host that the spec touches."""
    script = (
        f"cat {CPU}/isolated /proc/cmdline /proc/irq/default_smp_affinity; "
        "cat /sys/devices/system/node/node*/hugepages/*/nr_hugepages; "
        "for u in init.scope system.slice user.slice; do "
        "systemctl show -p AllowedCPUs -p EffectiveCPUs $u; done; "
        "grep hugetlbfs /proc/mounts"
    )
    return guest.out(script).splitlines()
