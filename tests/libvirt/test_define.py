"""Definitions made for real: secrets stay, running domains go on, and it can be undone."""

from __future__ import annotations

import pytest

from backends import libvirt
from backends.formats import domain_xml
from backends.formats.domain_xml import Wanted
from backends.libvirt.define import DomainError
from backends.reader import Done
from backends.steps import DefineDomain
from tests.libvirt.daemon import Daemon, minimal

pytestmark = pytest.mark.libvirt

GRAPHICS = (
    "<graphics type='vnc' port='-1' passwd='pa55word' passwdValidTo='2040-01-01T00:00:00'/>"
    "<video><model type='vga'/></video>"
)


@pytest.fixture
def vm(daemon: Daemon) -> str:
    """A domain with graphics passwords: its UUID."""
    return daemon.define(minimal("vm", GRAPHICS))


def edited(daemon: Daemon, uuid: str) -> DefineDomain:
    """A step that pins a vCPU."""
    xml = domain_xml.edit(daemon.dump(uuid), Wanted(vcpupin=("0",)).properties()).xml
    return DefineDomain("vm", xml, True, uuid)


def test_secrets_stay(daemon: Daemon, vm: str) -> None:
    before = daemon.dump(vm, "--security-info")
    step = edited(daemon, vm)
    assert "pa55word" not in (step.xml or "")
    libvirt.perform(step, daemon.uri, daemon.virsh_argv)
    after = daemon.dump(vm, "--security-info")
    assert "vcpupin vcpu='0' cpuset='0'" in after
    assert after.count("passwd=") == before.count("passwd=") >= 1
    assert domain_xml.restore(after, before, ["vcpupin"]) == domain_xml.restore(before, before, [])
    assert daemon.virsh("list", "--all", "--uuid", "--autostart").split() == [vm]


def test_undo(daemon: Daemon, vm: str) -> None:
    before = daemon.dump(vm, "--security-info")
    step = edited(daemon, vm)
    back = libvirt.inverse(step, daemon.uri, daemon.virsh_argv)
    assert "pa55word" not in repr(back)
    libvirt.perform(step, daemon.uri, daemon.virsh_argv)
    for undo in back:
        assert isinstance(undo, DefineDomain)
        libvirt.perform(undo, daemon.uri, daemon.virsh_argv)
    assert daemon.dump(vm, "--security-info") == before
    assert daemon.virsh("list", "--all", "--uuid", "--autostart").split() == []


def test_a_new_domain_and_its_undo(daemon: Daemon) -> None:
    uuid = "11111111-2222-3333-4444-555555555555"
    xml = minimal("100").replace("<name>", f"<uuid>{uuid}</uuid><name>")
    step = DefineDomain("100", xml, True, uuid)
    (back,) = libvirt.inverse(step, daemon.uri, daemon.virsh_argv)
    libvirt.perform(step, daemon.uri, daemon.virsh_argv)
    assert daemon.uuids() == [uuid]
    assert isinstance(back, DefineDomain)
    for _ in range(2):  # a second time there is nothing left to undo, and no error
        libvirt.perform(back, daemon.uri, daemon.virsh_argv)
        assert daemon.uuids() == []


def test_a_running_domain_goes_on(daemon: Daemon, vm: str) -> None:
    daemon.virsh("start", "vm")
    number = daemon.virsh("domid", "vm")
    libvirt.perform(edited(daemon, vm), daemon.uri, daemon.virsh_argv)
    assert daemon.virsh("domid", "vm") == number
    assert daemon.virsh("domstate", "vm").strip() == "running"
    assert "vcpupin" in daemon.dump(vm)
    assert "vcpupin" not in daemon.virsh("dumpxml", "vm")


def test_what_libvirt_refuses_is_told_in_its_words(daemon: Daemon, vm: str) -> None:
    before = daemon.dump(vm, "--security-info")
    wrong = before.replace("pc-q35", "nonsense")
    with pytest.raises(DomainError, match="nonsense") as told:
        libvirt.perform(DefineDomain("vm", wrong, None, vm), daemon.uri, daemon.virsh_argv)
    assert told.value.where == "domain vm"
    assert "pa55word" not in repr(told.value.__dict__)
    assert daemon.dump(vm, "--security-info") == before


def test_a_connection_that_breaks_is_an_error_and_not_an_absent_domain(daemon: Daemon) -> None:
    def broken(argv: object, stdin: str | None) -> Done:
        return Done(("virsh",), 1, "", "error: failed to connect to the hypervisor\n")

    for act in (libvirt.perform, libvirt.inverse):
        with pytest.raises(DomainError):
            act(DefineDomain("vm", "<domain/>"), daemon.uri, broken)
