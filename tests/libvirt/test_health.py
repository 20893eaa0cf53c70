"""--inspect on libvirt: daemons, accounts, and what QEMU said when a VM failed to start."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from backends.accounts import observe_accounts, passwd_text
from backends.libvirt import LibvirtState
from backends.libvirt.health import Health, Unit, failure, observe_health
from backends.reader import Done, TreeReader
from reconciler.inspection.libvirt import checks
from tests.libvirt.daemon import Daemon, minimal

PASSWD = (
    "root:x:0:0:root:/root:/bin/sh\n"
    "libvirt-qemu:x:64055:104:Libvirt Qemu,,,:/var/lib/libvirt:/usr/sbin/nologin\n"
    "alice:x:1000:1000:Alice A.:/home/alice:/bin/bash\n"
    "bob:x:1001:1001::/home/bob:/bin/bash\n"
    "broken line\n"
)
GROUP = "root:x:0:\nkvm:x:104:bob\nlibvirt:x:105:alice,bob\nalice:x:1000:\nodd\n"
SERVED = LibvirtState("qemu:///system", version="9.0.0", qemu_user=64055)


def accounts(folder: Path, group: str = GROUP) -> TreeReader:
    """A tree with these accounts."""
    (folder / "etc").mkdir()
    (folder / "etc/passwd").write_text(PASSWD)
    (folder / "etc/group").write_text(group)
    return TreeReader(folder)


def statuses(health: Health, libvirt: LibvirtState = SERVED) -> dict[str, str]:
    """Status and message of every check."""
    return {c.check: f"{c.status}: {c.message}" for c in checks(libvirt, health)}


def test_accounts_have_the_groups_of_both_files(tmp_path: Path) -> None:
    found = observe_accounts(accounts(tmp_path))
    assert found.members("kvm") == ("bob", "libvirt-qemu")
    assert found.members("libvirt") == ("alice", "bob")
    user = found.user(64055)
    assert user is not None
    assert (user.name, user.gids) == ("libvirt-qemu", frozenset({104}))
    assert passwd_text(found, ["kvm"]) == "libvirt-qemu:x:64055:104:::\nbob:x:1001:1001:::\n"


@pytest.mark.parametrize(
    ("group", "kvm", "person", "check", "said"),
    [
        (GROUP, (104, 0o660), "", "kvm-group", "pass: libvirt-qemu may open /dev/kvm"),
        (GROUP, (99, 0o666), "", "kvm-group", "pass: everybody may open /dev/kvm"),
        (GROUP, (99, 0o660), "", "kvm-group", "fail: libvirt-qemu, whom QEMU runs as, may not"),
        (GROUP, (104, 0o600), "", "kvm-group", "fail: libvirt-qemu"),
        (GROUP, None, "", "kvm-group", "unknown: there is no /dev/kvm"),
        (GROUP, (104, 0o660), "", "libvirt-group", "pass: alice, bob may use the system's VMs"),
        (GROUP, (104, 0o660), "alice", "libvirt-group", "pass: alice, bob"),
        (GROUP, (104, 0o660), "eve", "libvirt-group", "fail: eve is not in the group libvirt"),
        ("kvm:x:104:\n", (104, 0o660), "eve", "libvirt-group", "unknown: there is no group"),
        ("libvirt:x:9:\n", (104, 0o660), "", "libvirt-group", "pass: nobody but root"),
    ],
)
def test_membership(
    tmp_path: Path, group: str, kvm: tuple[int, int] | None, person: str, check: str, said: str
) -> None:
    found = Health(person, accounts=observe_accounts(accounts(tmp_path, group)), kvm=kvm)
    assert statuses(found)[check].startswith(said)


UNITS = [
    ((), "unknown: no unit"),
    ((Unit("libvirtd.service", "active", "success"),), "pass: libvirtd.service runs"),
    (
        (
            Unit("virtqemud.service", "inactive", "success"),
            Unit("virtqemud.socket", "active", "success"),
        ),
        "pass: virtqemud.socket listens",
    ),
    ((Unit("virtqemud.service", "inactive", "success"),), "fail: neither virtqemud.service nor"),
    (
        (
            Unit("libvirtd.service", "active", "success"),
            Unit("virtqemud.service", "active", "success"),
        ),
        "fail: libvirtd and virtqemud both run",
    ),
    ((Unit("libvirtd.service", "failed", "exit-code"),), "fail: libvirtd.service failed (exit"),
    (
        (
            Unit("libvirtd.service", "active", "success"),
            Unit("virtlogd.service", "failed", "signal"),
        ),
        "fail: virtlogd.service failed (signal)",
    ),
]


@pytest.mark.parametrize(("units", "said"), UNITS)
def test_daemons(units: tuple[Unit, ...], said: str) -> None:
    assert statuses(Health(units=units))["libvirt-daemon"].startswith(said)


def test_systemd_is_asked_once_for_all_units(tmp_path: Path) -> None:
    asked = []
    said = "Id={0}.service\nLoadState={1}\nActiveState=active\nResult=success\n"

    def run(argv: Any, timeout: float) -> Done:
        asked.append(argv)
        text = said.format("libvirtd", "loaded") + "\n" + said.format("virtqemud", "not-found")
        return Done(tuple(argv), 0, text, "")

    found = observe_health(TreeReader(tmp_path, run), "none", ())
    assert found.units == (Unit("libvirtd.service", "active", "success"),)
    assert [argv[0] for argv in asked] == ["systemctl"]
    assert statuses(Health())["libvirt-daemon"].startswith("unknown")


START = "2024-05-01 10:00:00.000+0000: starting up libvirt version: 9.0.0, qemu version: 7.2\n"
ARGS = "LC_ALL=C \\\n/usr/bin/qemu-system-x86_64 \\\n-name guest=a,debug-threads=on \\\n-S\n"
VFIO = "vfio 0000:01:00.0: group 12 is not viable"
LINE = f"2024-05-01T10:00:01.000000Z qemu-system-x86_64: -device vfio-pci: {VFIO}\n"
WARNED = "2024-05-01T10:00:01.000000Z qemu-system-x86_64: warning: host doesn't support it\n"
END = "2024-05-01 10:00:02.000+0000: shutting down, reason={}\n"
LOGS = [
    ("", ()),
    (START + ARGS + LINE + END.format("failed"), (f"-device vfio-pci: {VFIO}",)),
    (START + ARGS + WARNED + LINE + LINE + END.format("failed"), (f"-device vfio-pci: {VFIO}",)),
    (START + ARGS + END.format("crashed"), ("QEMU ended: crashed",)),
    (START + ARGS + LINE + END.format("failed") + START + ARGS, ()),
    (START + ARGS + LINE + END.format("shutdown"), ()),
    (START + ARGS + LINE + END.format("failed") + START + END.format("destroyed"), ()),
]


@pytest.mark.parametrize(("log", "lines"), LOGS)
def test_a_log_tells_why_the_last_start_failed(log: str, lines: tuple[str, ...]) -> None:
    assert failure(log) == lines


@pytest.mark.libvirt
def test_a_vm_that_fails_to_start_is_told_with_what_qemu_said(daemon: Daemon) -> None:
    wrong = minimal("wrong").replace(
        "<devices>",
        "<commandline xmlns='http://libvirt.org/schemas/domain/qemu/1.0'>"
        "<arg value='-nonsense'/></commandline><devices>",
    )
    daemon.virsh("define", "/dev/stdin", stdin=wrong)
    daemon.virsh("define", "/dev/stdin", stdin=minimal("good"))
    daemon.virsh("start", "wrong", ok=False)
    daemon.virsh("start", "good")
    argv = ["-m", "reconciler", "--inspect", "--connect", "qemu:///system", "--format", "json"]
    ran = subprocess.run(
        daemon.inside(sys.executable, *argv), capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert {vm["name"]: vm["failed"] for vm in found["vms"]} == {
        "good": [],
        "wrong": ["-nonsense: invalid option"],
    }
    told = {c["check"]: c for c in found["readiness"]}
    assert told["vm-starts"]["status"] == "fail"
    assert told["vm-starts"]["message"] == "wrong: -nonsense: invalid option"
    assert told["libvirt"]["status"] == told["qemu-user"]["status"] == "pass"
    assert told["confinement"]["status"] == "fail"
