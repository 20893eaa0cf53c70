"""--inspect: the same facts as text, JSON and markdown, from trees and captures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from backends.reader import TreeReader
from reconciler.inspection import Inspection, inspect
from reconciler.inspection.model import schema
from reconciler.render.inspect_markdown import markdown
from reconciler.render.inspect_text import text
from tests.cli import run
from tests.devices.planning import host, state_of
from tests.goldens import check
from tests.simulator.examples import NAMES
from tests.simulator.hosts import HOSTS, build
from tests.simulator.tree import TreeBuilder

REPO = Path(__file__).parents[2]
GOLDENS = REPO / "tests/goldens/inspect"


def test_the_published_schema_is_that_of_the_models() -> None:
    check(REPO / "docs/inspect.schema.json", json.dumps(schema(), indent=2) + "\n")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("format", "ending"), [("text", "txt"), ("json", "json"), ("markdown", "md")]
)
def test_reads_as_committed(name: str, format: str, ending: str) -> None:
    capture = REPO / "examples" / name / "capture.json"
    seen = run("--inspect", "--state", capture, "--format", format)
    assert (seen.code, seen.err) == (0, "")
    check(GOLDENS / f"{name}.{ending}", seen.out)


@pytest.mark.parametrize("name", sorted(HOSTS))
def test_a_capture_shows_what_the_host_shows(name: str, tmp_path: Path) -> None:
    build(name, tmp_path)
    capture = REPO / "examples" / name / "capture.json"
    tree = run("--inspect", "--root", tmp_path, "--format", "json")
    assert tree.out == run("--inspect", "--state", capture, "--format", "json").out


def test_the_json_has_what_the_contract_promises() -> None:
    capture = REPO / "examples/amd-workstation/capture.json"
    found = json.loads(run("--inspect", "--state", capture, "--format", "json").out)
    Draft202012Validator(json.loads((REPO / "docs/inspect.schema.json").read_text())).validate(
        found
    )
    assert found["format_version"] == 1
    assert {"host", "cpu", "memory", "hugepages", "boot", "vms"} <= set(found)
    assert set(found["readiness"][0]) == {"check", "status", "message", "hint"}
    promised = {"address", "class", "vendor", "device", "name", "driver", "iommu_group"}
    promised |= {"numa_node", "used_for", "reset", "sriov"}
    assert promised <= set(found["pci"][0])
    used = {word for function in found["pci"] for word in function["used_for"]}
    assert {"/", "default route"} <= used
    assert {"loader", "running", "configured", "next"} <= set(found["boot"])
    assert {"entry", "args"} <= set(found["boot"]["next"][0])


def seen(tree: TreeBuilder) -> Inspection:
    return inspect(state_of(tree.reader()))


def test_verdicts(tmp_path: Path) -> None:
    tree = host(TreeBuilder(tmp_path))
    tree.function("0000:00:1c.0", "0x060400", "8086:a110", driver="pcieport", group=5)
    tree.function("0000:01:00.0", driver="nouveau", group=6)
    tree.function("0000:01:00.1", "0x040300", "10de:228b", driver="snd_hda_intel", group=6)
    tree.function("0000:02:00.0", "0x0c0330", "8086:a12f", driver="xhci_hcd", group=7)
    shared = tree.function("0000:03:00.0", "0x010601", "8086:a102", driver="ahci", group=8)
    tree.mount(tree.disk("sda", shared), "/srv")
    tree.function("0000:03:00.1", "0x0c0500", "8086:a123", driver="i801_smbus", group=8)
    found = {f.address: f.assignable for f in seen(tree).pci}
    assert found["0000:00:1c.0"].answer == "no"
    assert (found["0000:01:00.0"].answer, found["0000:01:00.0"].together) == (
        "with",
        ("0000:01:00.1",),
    )
    assert found["0000:02:00.0"].answer == "yes"
    assert found["0000:03:00.0"].because == ("the host needs it for /srv",)
    assert found["0000:03:00.1"].because == ("the host needs 0000:03:00.0: /srv",)
    assert found["0000:04:00.0"].answer == "no"


def test_a_last_display_can_go_while_its_vm_runs(tmp_path: Path) -> None:
    tree = host(TreeBuilder(tmp_path))
    card = tree.function("0000:01:00.0", driver="amdgpu", group=6, boot_vga="1")
    tree.mkdir(f"{card}/drm/card0")
    tree.write("/sys/class/drm/card0-DP-1/status", "connected\n")
    tree.write("/sys/class/drm/card0-DP-1/enabled", "enabled\n")
    found = next(f for f in seen(tree).pci if f.address == "0000:01:00.0").assignable
    assert (found.answer, found.bind) == ("yes", "vm")
    assert found.notes


def checks(tree: TreeBuilder) -> dict[str, str]:
    return {c.check: c.status for c in seen(tree).readiness}


def test_readiness_follows_the_host(tmp_path: Path) -> None:
    tree = host(TreeBuilder(tmp_path))
    tree.mkdir("/dev")
    assert checks(tree) == {
        "virtualization": "pass",
        "kvm": "fail",
        "iommu-firmware": "pass",
        "iommu": "pass",
        "interrupt-remapping": "pass",
        "kernel": "pass",
        "vfio": "pass",
        "groups": "fail",
        "bootloader": "pass",
        "boot-configuration": "pass",
        "libvirt": "unknown",
        "libvirt-daemon": "unknown",
        "qemu-user": "unknown",
        "kvm-group": "unknown",
        "libvirt-group": "unknown",
        "confinement": "unknown",
        "vm-starts": "unknown",
        "memlock": "unknown",
    }
    tree.write("/proc/sys/kernel/osrelease", "5.10.0-8-amd64\n")
    tree.write("/sys/kernel/irq/1/chip_name", "IO-APIC\n")
    tree.write("/proc/cpuinfo", "processor: 0\nvendor_id: GenuineIntel\nflags: fpu\n")
    tree.write("/dev/kvm", "")
    tree.function("0000:02:00.0", "0x0c0330", "8086:a12f", driver="xhci_hcd", group=7)
    found = checks(tree)
    assert found["virtualization"] == found["kvm"] == "pass"
    assert found["kernel"] == found["interrupt-remapping"] == "fail"
    assert found["groups"] == "pass"
    assert found["vfio"] == "unknown"


def test_every_failed_check_says_what_to_do(tmp_path: Path) -> None:
    for name in HOSTS:
        build(name, tmp_path / name)
        found = json.loads(run("--inspect", "--root", tmp_path / name, "--format", "json").out)
        assert all(c["hint"] for c in found["readiness"] if c["status"] == "fail"), name


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    tree = host(TreeBuilder(tmp_path))
    names = "10de  [bold]Evil\x1b[31m | <b> `x` :smile:\n\t2489  [/] [link=http://x]a[/link]\n"
    tree.write("/usr/share/misc/pci.ids", names)
    tree.function("0000:01:00.0", driver="nouveau", group=6)
    found = seen(tree)
    shown = text(found, colour=True)
    assert "\x1b[31m |" not in shown
    plain = " ".join(text(found).split())
    assert "[bold]Evil\\x1b[31m | <b> `x` :smile: [/] [link=http://x]a[/link]" in plain
    assert "\\[bold\\]Evil" in markdown(found)
    assert "\\<b\\>" in markdown(found)


@pytest.mark.parametrize("width", [40, 80, 100])
def test_no_line_is_too_wide(width: int, tmp_path: Path) -> None:
    for name in HOSTS:
        build(name, tmp_path / name)
        found = inspect(state_of(TreeReader(tmp_path / name)))
        for verbose in (False, True):
            shown = text(found, width=width, verbose=verbose)
            assert max(map(len, shown.splitlines())) <= width


def test_parts_of_the_chipset_are_told_only_where_they_matter(tmp_path: Path) -> None:
    tree = host(TreeBuilder(tmp_path))
    for number in range(5):  # functions of the processor for its memory, in a group of their own
        tree.function(f"0000:ff:0f.{number}", "0x088000", "8086:3caa", group=50)
    tree.function("0000:01:00.0", driver="nouveau", group=6)
    tree.function("0000:01:00.1", "0x118000", "8086:3cb0", group=6)
    found = seen(tree)
    shown = text(found)
    assert "0000:ff:0f" not in shown
    assert "5 functions of the chipset not shown (-v)" in shown
    assert "0000:01:00.1" in shown  # it is in the group of the card
    assert "can be given away: with the 4 others of its group" in text(found, verbose=True)
    groups = next(c for c in found.readiness if c.check == "groups")
    assert groups.message == "1 of 2 devices can be given away"
    assert len(found.pci) == len(found.to_json()["pci"]) == 8


def test_an_arm_processor_is_not_called_incapable(tmp_path: Path) -> None:
    tree = host(TreeBuilder(tmp_path))
    tree.write("/proc/cpuinfo", "processor: 0\nCPU implementer: 0x48\nFeatures: fp\n")
    assert checks(tree)["virtualization"] == "unknown"
    tree.write("/dev/kvm", "")
    assert checks(tree)["virtualization"] == "pass"
