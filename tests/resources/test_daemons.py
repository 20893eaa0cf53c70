"""irqbalance and TuneD themselves, with what we write for them and what they write against us.

They run in namespaces of their own, over read-only views of /sys, /proc/sys and /proc/irq: nothing
of this machine is changed.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from backends.formats.cpumask import parse_mask
from backends.host import Host
from backends.topology.cpu import observe_cpus
from specs.values import CpuSet
from tests.cli import run

pytestmark = pytest.mark.kernel

_READ_ONLY = """
for place in /sys /proc/sys /proc/irq; do
    mount --bind $place $place
    mount -o remount,bind,ro $place
done
"""
_TUNED = f"""
set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/up /run/work /run/tuned /run/log
mount -t overlay -o lowerdir=/etc,upperdir=/run/up,workdir=/run/work overlay /etc
mount --bind /run/log /var/log
mount -t tmpfs tmpfs /boot
{_READ_ONLY}
sed -i 's/^daemon = 1/daemon = 0/' /etc/tuned/tuned-main.conf
echo "isolated_cores=$1" >/etc/tuned/cpu-partitioning-variables.conf
echo "no_balance_cores=$1" >>/etc/tuned/cpu-partitioning-variables.conf
tuned --no-dbus --no-socket --profile cpu-partitioning >&2
cp -r /etc/tuned "$2/etc/"
"""


def cpus() -> tuple[CpuSet, CpuSet]:
    """The first CPU of this machine, for the host, and the others."""
    online = observe_cpus(Host().reader).online
    if len(online) < 2:
        pytest.fail("needs two CPUs")
    first = CpuSet((min(online),))
    return first, online - first


def test_irqbalance_keeps_off_what_we_ban(tmp_path: Path) -> None:
    """The very file that a plan writes, as the unit's environment."""
    reserved, isolated = cpus()
    spec = tmp_path / "host.toml"
    spec.write_text(
        f'version = 1\n[cpu]\nisolated = "{isolated}"\nreserved = "{reserved}"\n'
        "isolation = []\nirq_affinity = true\n"
    )
    plan = json.loads(run("--plan", spec, "--connect", "none", "--format", "json").out)
    steps = [step for change in plan["changes"] for step in change["steps"]]
    env = next(s["content"] for s in steps if s.get("path") == "/etc/reconcile/irqbalance.env")
    (tmp_path / "env").write_text(env)
    daemon = "set -a; . $1; exec irqbalance --foreground --debug --oneshot"
    argv = ["unshare", "-m", "sh", "-c", _READ_ONLY + daemon, "sh", str(tmp_path / "env")]
    out = subprocess.run(argv, capture_output=True, text=True, timeout=120).stdout
    banned = re.search(r"^Banned CPUs: ([0-9a-f,]+)$", out, re.MULTILINE)
    assert banned, out
    assert CpuSet(parse_mask(banned[1])) & (reserved | isolated) == isolated
    used = {int(n) for n in re.findall(r"CPU number (\d+) ", out)}
    assert CpuSet(used) == reserved, "irqbalance spreads over other CPUs"


@pytest.fixture
def tuned(tmp_path: Path) -> Path:
    """A tree with what TuneD's cpu-partitioning profile leaves in /etc when it is applied."""
    root = tmp_path / "root"
    base = root / "sys/devices/system/cpu"
    base.mkdir(parents=True)
    (root / "etc").mkdir()
    reserved, isolated = cpus()
    for name in ("online", "present", "possible"):
        (base / name).write_text(f"{reserved | isolated}\n")
    script = ["sh", "-c", _TUNED, "sh", str(isolated), str(root)]
    argv = ["unshare", "-m", "-p", "-f", "--mount-proc", *script]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return root


def conflict(root: Path, spec: Path) -> str:
    """The message of tuned-conflict."""
    spec.write_text('version = 1\n[cpu]\nisolated = "1"\nisolation = []\n')
    plan = json.loads(run("--plan", spec, "--root", root, "--format", "json").out)
    (found,) = [f for f in plan["findings"] if f["code"] == "tuned-conflict"]
    assert (found["severity"], found["where"]) == ("warn", "cpu")
    return str(found["message"])


def test_what_tuned_has_done_is_seen(tuned: Path, tmp_path: Path) -> None:
    _, isolated = cpus()
    (tuned / "etc/tuned/active_profile").write_text("cpu-partitioning\n")  # as tuned-adm does
    message = conflict(tuned, tmp_path / "host.toml")
    words = f"isolcpus={isolated} nohz_full={isolated} rcu_nocbs={isolated}"
    assert message == f"TuneD's profile cpu-partitioning puts {words} on the kernel command line"


def test_what_tuneds_own_profile_would_do_is_seen(tuned: Path, tmp_path: Path) -> None:
    """Before it was applied: from the files that its package brings."""
    shutil.copytree("/usr/lib/tuned", tuned / "usr/lib/tuned")
    (tuned / "etc/tuned/bootcmdline").unlink()
    (tuned / "etc/tuned/active_profile").write_text("cpu-partitioning-powersave\n")
    assert conflict(tuned, tmp_path / "host.toml") == (
        "TuneD's profile cpu-partitioning-powersave puts nohz_full= rcu_nocbs= on the kernel "
        "command line, moves threads and interrupts, rewrites irqbalance's settings, sets "
        "CPUAffinity= of systemd"
    )
