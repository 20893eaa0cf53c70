"""The real systemd with the files that a plan writes: slices, mounts and pools, there and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.steps import WriteAttribute, WriteFile
from reconciler.placement import slices
from reconciler.resources import cpu, hugepages
from tests.lab import images, tiny
from tests.lab.conftest import Lab
from tests.resources.bench import Bench
from tests.topology.maps import machine

pytestmark = [pytest.mark.lab, pytest.mark.xdist_group("boot-args")]

CPU = {"isolated": "2-3,6-7", "reserved": "0-1,4-5", "isolation": [], "slices": True}
PAGES = {
    "pages": [
        {"size": "2M", "count": 24, "node": 1},
        {"size": "1G", "count": 1, "node": 1, "boot": False},
    ]
}
MOUNT = "dev-reconcile-hugepages1G.mount"
_SHOW = """
show() {
    for u in init.scope system.slice user.slice machine.slice; do
        set -- "$1" $(cat /sys/fs/cgroup/$u/cpuset.cpus.effective)
        echo "$1 $u $2"
    done
    echo "$1 held $(grep Cpus_allowed_list /proc/$(cat /run/held)/status | cut -f2)"
}
"""
_SCRIPT = (
    _SHOW
    + """
sh -c 'echo $$ >/run/held; exec sleep 1000' &
sleep 1
mkdir /sys/fs/cgroup/user.slice/x 2>/dev/null
show before
cp -r /wanted/* /
systemctl daemon-reload
show divided
systemd-tmpfiles --create --boot /etc/tmpfiles.d/reconcile-hugepages.conf
for n in 0 1; do for s in 2048 1048576; do
    echo "pool $n $s $(cat /sys/devices/system/node/node$n/hugepages/hugepages-${s}kB/nr_hugepages)"
done; done
systemctl start MOUNT
echo "mounted $(grep -c '/dev/reconcile/hugepages1G hugetlbfs.*pagesize=1024M' /proc/mounts)"
systemctl stop MOUNT
echo "stopped $(grep -c /dev/reconcile /proc/mounts)"
rm /etc/systemd/system/*.d/reconcile.conf
systemctl daemon-reload
show removed
OPEN
show free
""".replace("MOUNT", MOUNT)
)


def files() -> dict[str, str]:
    """What a plan writes for slices and pools."""
    divided = Bench(cpu.RESOURCE, lambda files, step: None).plan(cpu=CPU)
    steps = [step for change in divided.changes for step in change.steps]
    found = {s.path: s.content for s in steps if isinstance(s, WriteFile)}
    wishes = Bench(hugepages.RESOURCE, lambda files, step: None).wishes(hugepages=PAGES)
    found |= {wish.path: wish.content for wish in wishes.files}
    return {f"wanted{path}": content.decode() for path, content in found.items()}


def opening() -> str:
    """What a plan does beside taking the files away, as shell."""
    bench = Bench(cpu.RESOURCE, lambda files, step: None)
    bench.files |= machine(nodes=2, cores=2, threads=2)
    for unit in ("init.scope", "system.slice", "user.slice"):
        bench.files[f"/sys/fs/cgroup/{unit}/cpuset.cpus"] = "0-1,4-5\n"
    path = slices.PATHS[0]
    record: dict[str, object] = {"before": None, "mode": "0644", "after_sha256": "", "folders": []}
    bench.owned = bench.owned.__class__({"placement-files": {path: record}})
    (change,) = bench.plan().changes
    opened = [s for s in change.steps if isinstance(s, WriteAttribute)]
    assert len(opened) == 3
    return "\n".join(f"[ ! -e {s.path} ] || echo '{s.value.strip()}' >{s.path}" for s in opened)


def test_systemd_follows_the_files_of_a_plan_and_lets_go_again(lab: Lab, tmp_path: Path) -> None:
    """machine.slice, where VMs live, is limited by nobody; a drop-in of somebody else there keeps
    the controller on, so that systemd leaves what was set (issue 43846) and we open it."""
    other = {"etc/systemd/system/machine.slice.d/a.conf": "[Slice]\nAllowedCPUs=0-7\n"}
    other["etc/systemd/system/machine.slice"] = "[Unit]\nDescription=machine.slice\n"
    other["etc/systemd/system/default.target.d/a.conf"] = "[Unit]\nWants=machine.slice\n"
    other["etc/systemd/system/default.target.d/b.conf"] = "[Unit]\nWants=user.slice\n"
    script = _SCRIPT.replace("OPEN", opening())
    kernel = images.ensure("grub-efi").direct.kernel
    arguments = "systemd.unified_cgroup_hierarchy=1"
    lines = tiny.run(kernel, tmp_path, arguments, script, files=files() | other, systemd=True)
    said = {key: value for key, _, value in (line.rpartition(" ") for line in lines)}
    units = ("init.scope", "system.slice", "user.slice")
    for moment, cpus in {"before": "0-7", "divided": "0-1,4-5", "free": "0-7"}.items():
        assert {said[f"{moment} {unit}"] for unit in units} == {cpus}, "\n".join(lines)
        assert said[f"{moment} machine.slice"] == "0-7"
        assert said[f"{moment} held"] == cpus, "a process that ran before"
    pools = {
        (node, size): said[f"pool {node} {size}"] for node in "01" for size in ("2048", "1048576")
    }
    assert pools == {
        ("0", "2048"): "0",
        ("0", "1048576"): "0",
        ("1", "2048"): "24",
        ("1", "1048576"): "1",
    }
    assert (said["mounted"], said["stopped"]) == ("1", "0")
