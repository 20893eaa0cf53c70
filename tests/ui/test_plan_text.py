"""How a plan reads: lines that fit, diffs where they are asked for, refusals before all else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.steps import RemoveFile, Step, WriteAttribute, WriteFile
from reconciler.model import Change, Effective, Pending, Plan, Unchanged, note, refuse, warn
from reconciler.outcome import Outcome
from reconciler.render.plan_text import text
from reconciler.render.plan_words import chapters
from reconciler.render.style import Style
from reconciler.render.wrap import wrap
from specs.record import replace
from tests.cli import run
from tests.simulator.examples import NAMES
from tests.simulator.host import Bench
from tests.simulator.hosts import build

EXAMPLES = Path(__file__).parents[2] / "examples"
OLD = b"# a comment\nGRUB_TIMEOUT=5\n"
STEPS = (WriteAttribute("/sys/bus/pci/drivers_probe", "0000:01:00.0"),)
NEW = b"# a comment\nGRUB_TIMEOUT=1\n"


def change(path: str, step: Step) -> Change:
    return Change(f"file:{path}", "file", path, "content", "a", "b", "boot", (step,))


def plan(*changes: Change, **more: object) -> Plan:
    base = Plan({"hostname": "h", "bootloader": "grub2", "iommu": "amd"}, "/s", "", "", changes)
    return replace(base, **more)


@given(st.text(), st.integers(20, 100), st.text(" ", max_size=8))
def test_wrapped_lines_fit_and_lose_no_letter(words: str, width: int, first: str) -> None:
    lines = wrap(words, first, width=width)
    assert max(map(len, lines)) <= width
    assert "".join("".join(lines).split()) == "".join(words.split())


@pytest.mark.parametrize("name", NAMES)
def test_no_line_of_a_plan_is_too_wide(name: str) -> None:
    folder = EXAMPLES / name
    shown = run("--plan", folder / "host.toml", "--state", folder / "capture.json").out
    lines = [line for line in shown.splitlines() if not line.startswith("  from ")]
    assert max(map(len, lines)) <= 80


def test_a_diff_of_the_file_is_shown_when_asked_for() -> None:
    found = plan(change("/etc/x", WriteFile("/etc/x", NEW)), contents={"/etc/x": OLD})
    assert "-GRUB_TIMEOUT=5" not in text(found, Style())
    shown = text(found, Style(), verbose=True)
    wanted = ["--- /etc/x", "+++ /etc/x", " # a comment", "-GRUB_TIMEOUT=5", "+GRUB_TIMEOUT=1"]
    lines = [line[8:] for line in shown.splitlines()]
    assert [line for line in lines if line in wanted] == wanted


def test_a_removed_file_is_a_diff_to_nothing() -> None:
    found = plan(change("/etc/x", RemoveFile("/etc/x")), contents={"/etc/x": OLD})
    shown = text(found, Style(), verbose=True)
    assert "+++ /dev/null" in shown
    assert "-GRUB_TIMEOUT=5" in shown


def test_what_is_only_forgotten_is_no_new_thing() -> None:
    shown = text(plan(Change("v", "sriov", "VF 0", "settings", None, None, "gone", ())), Style())
    assert "  - VF 0\n      forgotten\n" in shown


def test_a_saved_plan_does_not_know_what_was_there() -> None:
    shown = text(plan(change("/etc/x", WriteFile("/etc/x", NEW))), Style(), verbose=True)
    assert "$ write /etc/x" in shown
    assert "+++" not in shown


def test_what_is_already_so_is_counted_and_listed_with_its_reason() -> None:
    found = plan(unchanged=(Unchanged("0000:01:00.0", "is bound to vfio-pci", "device[0]"),))
    assert "1 thing already as wanted (-v lists them)" in text(found, Style())
    shown = text(found, Style(), verbose=True)
    assert "= 0000:01:00.0: is bound to vfio-pci   # device[0]" in shown


def test_refusals_come_first_and_changes_only_when_asked_for() -> None:
    findings = (refuse("no-iommu", "device[0]", "none", "buy one"), warn("x", "cpu", "m", "h"))
    found = plan(change("/etc/x", WriteFile("/etc/x", NEW)), findings=findings)
    shown = text(found, Style())
    assert shown.index("no-iommu") < shown.index("warning: x")
    assert "→ buy one" in shown
    assert "/etc/x" not in shown
    assert "/etc/x" in text(found, Style(), verbose=True)
    assert shown.endswith("Refused for 1 reason; nothing will be touched.\n")


def test_names_and_places_are_told_in_words() -> None:
    waiting = Pending("0000:01:00.1", "vfio-pci", "nouveau", Effective.REBOOT)
    found = plan(
        Change("d", "driver", "0000:01:00.0", "driver", "nouveau", "vfio-pci", "device[0]", STEPS),
        pending=(waiting,),
        names={"0000:01:00.0": "NVIDIA Corporation GA104"},
        spec_content={"device": [{"name": "gpu"}]},
    )
    shown = text(found, Style())
    assert "~ 0000:01:00.0  NVIDIA GA104" in shown
    assert "driver: nouveau → vfio-pci" in shown
    assert "now, because device[0] (gpu)" in shown
    assert "Waiting for a reboot" in shown


def test_an_argument_that_runs_in_other_quotes_does_not_wait() -> None:
    line = 'quiet foo="a b" nosmt'
    waiting = Pending("kernel-args", line, 'ro quiet "foo=a b"', Effective.REBOOT)
    assert "not running yet: nosmt\n" in text(plan(pending=(waiting,)), Style())


def test_hostile_text_reaches_no_terminal() -> None:
    found = plan(change("/etc/\x1b[31mx", WriteFile("/etc/\x1b[31mx", b"\x1b]0;evil\x07\n")))
    assert "\x1b" not in text(found, Style(), verbose=True)


def test_quiet_says_what_nobody_wants_to_miss() -> None:
    findings = (warn("x", "cpu", "m", "h"), note("y", "cpu", "n"))
    found = plan(change("/etc/x", WriteFile("/etc/x", NEW)), findings=findings)
    assert text(found, Style(), quiet=True).splitlines() == [
        "! warning: x, cpu",
        "  m",
        "  → h",
        "",
        "1 change: 1 now.",
    ]
    failed = Outcome({"file:/etc/x": "failed"}, {"file:/etc/x": "no room"})
    shown = text(found, Style(), quiet=True, outcome=failed)
    assert "✗ /etc/x" in shown
    assert "no room" in shown


def test_with_strict_a_warning_is_a_reason_to_refuse() -> None:
    findings = (warn("x", "cpu", "m", "h"),)
    found = plan(change("/etc/x", WriteFile("/etc/x", NEW)), findings=findings)
    shown = text(found, Style(), strict=True)
    assert shown.endswith("Refused for 1 reason (--strict); nothing will be touched.\n")
    assert "/etc/x" not in shown


def test_an_apply_that_is_refused_shows_the_plan_and_claims_nothing(tmp_path: Path) -> None:
    build("intel-workstation", tmp_path)
    spec = EXAMPLES / "intel-workstation/host.toml"
    refused = run("--apply", spec, "--root", tmp_path, "--strict")
    assert refused.code == 3
    assert refused.out.startswith("Plan for workshop")
    assert refused.out.endswith("Refused for 1 reason (--strict); nothing will be touched.\n")
    told = json.loads(run("--apply", spec, "--root", tmp_path, "--strict", "--format", "json").out)
    assert {change["result"] for change in told["changes"]} == {"skipped"}
    assert run("--apply", spec, "--root", tmp_path, "--strict", "-q").out.count("\n") == 7


def test_a_reason_is_told_once() -> None:
    details = (("+", "a", "cpu.isolated"), ("+", "b", "boot.kernel_args[0]"))
    several = replace(change("/etc/x", WriteFile("/etc/x", NEW)), details=details)
    several = replace(several, because="cpu.isolated, boot.kernel_args[0]")
    lines = [line.strip() for line in text(plan(several), Style()).splitlines()]
    assert {"+ a   # cpu.isolated", "+ b   # boot.kernel_args[0]", "now"} <= set(lines)
    below = (("+", "vcpupin: 0=2", "vm[0].cputune.vcpupin"), ("+", "hostdev[x]", "vm[0].devices"))
    vm = replace(several, details=below, because="vm[0]")
    lines = [line.strip() for line in text(plan(vm), Style()).splitlines()]
    assert {"+ vcpupin: 0=2", "+ hostdev[x]   # devices", "now, because vm[0]"} <= set(lines)


def test_a_file_is_told_under_the_same_heading_when_it_goes(tmp_path: Path) -> None:
    build("sriov-server", tmp_path)
    bench = Bench(tmp_path)
    tables = {
        "sriov": [{"name": "f", "address": "3b:00.1", "vfs": 2}],
        "hugepages": {"pages": [{"size": "2M", "count": 4}]},
        "device": [{"name": "d", "address": "3b:00.0"}],
    }
    made = _file_headings(bench.plan(**tables))
    bench.apply(**tables)
    assert set(made.values()) == {"Boot", "Devices", "Memory"}
    assert _file_headings(bench.plan()) == made


def _file_headings(found: Plan) -> dict[str, str]:
    return {c.object: name for name, cs in chapters(found) for c in cs if c.kind == "file"}


def test_of_a_command_line_only_what_is_missing_waits() -> None:
    waits = Pending("kernel-args", "quiet iommu=pt", "quiet ro", Effective.REBOOT)
    assert "not running yet: iommu=pt" in text(plan(pending=(waits,)), Style())
    assert "No changes; what is configured waits for a reboot." in text(
        plan(pending=(waits,)), Style()
    )
