"""How a plan reads: lines that fit, diffs where they are asked for, refusals before all else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.steps import RemoveFile, WriteFile
from reconciler.model import Change, Effective, Pending, Plan, Unchanged, refuse, warn
from reconciler.render.plan_text import text
from reconciler.render.style import Style
from reconciler.render.wrap import wrap
from specs.record import replace
from tests.cli import run
from tests.simulator.examples import NAMES

EXAMPLES = Path(__file__).parents[2] / "examples"
OLD = b"# a comment\nGRUB_TIMEOUT=5\n"
NEW = b"# a comment\nGRUB_TIMEOUT=1\n"


def change(path: str, step: WriteFile | RemoveFile) -> Change:
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
        Change("d", "driver", "0000:01:00.0", "driver", "nouveau", "vfio-pci", "device[0]", ()),
        pending=(waiting,),
        names={"0000:01:00.0": "NVIDIA Corporation GA104"},
        spec_content={"device": [{"name": "gpu"}]},
    )
    shown = text(found, Style())
    assert "~ 0000:01:00.0  NVIDIA GA104" in shown
    assert "driver: nouveau → vfio-pci" in shown
    assert "now, because device[0] (gpu)" in shown
    assert "Waiting for a reboot" in shown


def test_hostile_text_reaches_no_terminal() -> None:
    found = plan(change("/etc/\x1b[31mx", WriteFile("/etc/\x1b[31mx", b"\x1b]0;evil\x07\n")))
    assert "\x1b" not in text(found, Style(), verbose=True)
