"""The whole story of the README, on real machines: a spec, a plan, a changed host, and back."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from reconciler.inspection.model import schema

from . import images, observe
from .base import HERE
from .guest import Guest
from .holds import (
    ARGUMENTS,
    Host,
    drivers,
    every_entry_has_the_arguments,
    everything_holds,
    no_entry_has_the_arguments,
    nothing_is_set_aside,
    the_vm_starts_with_all_it_needs,
)
from .machines import documented
from .report import Steps
from .tool import SPEC

pytestmark = pytest.mark.lab

STORY = HERE / "story"
EMPTY = "version = 1\n"


@pytest.fixture
def host(guest: Guest, flavour: str) -> Host:
    """A host that has never seen the tool run."""
    return Host(guest, flavour)


def test_story(host: Host, steps: Steps) -> None:
    """Each step asserts what a user would look at."""
    remember(host)
    with steps("capture"):
        a_first_spec_changes_nothing(host)
        a_capture_plans_like_the_host(host)
    with steps("plan"):
        a_plan_changes_nothing(host)
    with steps("apply"):
        host.reconcile.apply()
        every_entry_has_the_arguments(host)
        nothing_of_others_was_touched(host)
    with steps("reboot"):
        host.guest.reboot()
    with steps("everything holds"):
        everything_holds(host)
    with steps("apply again"):
        host.reconcile.apply()  # what had to wait for the reboot
        assert host.reconcile.in_sync()
        another_apply_writes_nothing(host)
    with steps("a spec of the host"):
        a_first_spec_changes_nothing(host)
    with steps("a VM starts"):
        the_vm_starts_with_all_it_needs(host)
        assert host.reconcile.in_sync()
    with steps("new kernel"):
        a_new_kernel_is_installed(host)
        every_entry_has_the_arguments(host)
    with steps("reboot into it"):
        host.guest.reboot()
        assert host.guest.out("uname -r").strip() == spare_kernel(host)
        everything_holds(host)
        assert host.reconcile.in_sync()
    with steps("empty spec"):
        host.guest.write(SPEC, EMPTY)
        host.reconcile.apply()
        every_file_is_as_before(host)
        no_entry_has_the_arguments(host)
        assert host.reconcile.json("--plan")["changes"] == []
    with steps("reboot back"):
        host.guest.reboot()
    with steps("as before"):
        assert not ARGUMENTS & set(observe.running(host.guest))
        assert drivers(host) == host.drivers
        nothing_is_set_aside(host)
        assert host.reconcile.in_sync()


def apply_and_reboot(host: Host) -> None:
    """The story's middle, for tests of the tests (test_mutants.py)."""
    host.reconcile.apply()
    every_entry_has_the_arguments(host)
    host.guest.reboot()
    everything_holds(host)


# -- before


def remember(host: Host) -> None:
    """What the host is like without the tool; then the spec is put there."""
    assert documented().items() <= observe.functions(host.guest).items()
    first, *others = host.entries()  # GRUB has the same one again in its submenu
    assert all(entry.words() == first.words() for entry in others)
    host.arguments = first.words()
    host.files = observe.configuration(host.guest)
    host.drivers = drivers(host)
    assert not ARGUMENTS & set(observe.running(host.guest))
    for file in STORY.iterdir():
        host.guest.put(file, f"/etc/reconcile/{file.name}")


def a_first_spec_changes_nothing(host: Host) -> None:
    """`--init` describes the host as it is, before and after; what `--inspect` says has the
    published form."""
    host.guest.out("reconcile --init > /root/first.toml")
    assert host.reconcile("--plan", "/root/first.toml", "--detailed-exitcode") == 0
    Draft202012Validator(schema()).validate(host.reconcile.json("--inspect"))


def a_capture_plans_like_the_host(host: Host) -> None:
    """`--plan --state CAPTURE` is the plan of the host itself."""
    assert host.reconcile("--capture", "/root/capture.json") == 0
    here = host.reconcile.json("--plan")
    there = host.reconcile.json("--plan", SPEC, "--state", "/root/capture.json")
    assert there["state_digest"] == here["state_digest"]
    assert [c["id"] for c in there["changes"]] == [c["id"] for c in here["changes"]]


def a_plan_changes_nothing(host: Host) -> None:
    """It says what is to be done (2), and the machine stays as it is."""
    host.guest.out("touch /root/stamp && sleep 2")
    assert host.reconcile("--plan", "--detailed-exitcode") == 2
    assert observe.changed_since(host.guest, "/root/stamp") == []


# -- after apply


def nothing_of_others_was_touched(host: Host) -> None:
    """Files that were there are as they were, but the ones that hold the kernel arguments."""
    now = observe.configuration(host.guest)
    held = ("/etc/kernel/cmdline", "/loader/entries/", "/etc/default/grub")
    for path, facts in host.files.items():
        if not any(part in path for part in held):
            assert now[path] == facts, path


def another_apply_writes_nothing(host: Host) -> None:
    """Not a byte, outside of logs."""
    host.guest.out("touch /root/stamp && sleep 2")
    assert host.reconcile("--apply", "--detailed-exitcode") == 0
    assert observe.changed_since(host.guest, "/root/stamp") == []


# -- later


def a_new_kernel_is_installed(host: Host) -> None:
    """By the package manager, which knows nothing of the tool."""
    before = len(host.entries())
    host.guest.out("dpkg --install /var/lib/lab/*.deb")
    assert len(host.entries()) > before


def spare_kernel(host: Host) -> str:
    """The kernel that lies in the image as packages, as uname -r has it."""
    return images.ensure(host.flavour).spare_kernel


def every_file_is_as_before(host: Host) -> None:
    """Byte for byte, mode and owner; what the new kernel's package brought is its own."""
    now = observe.configuration(host.guest)
    new = {p for p in now.keys() - host.files.keys() if spare_kernel(host) not in p}
    assert {p for p in new if not p.startswith("/etc/reconcile")} == set()
    changed = {p: (was, now.get(p)) for p, was in host.files.items() if now.get(p) != was}
    assert changed == {}
