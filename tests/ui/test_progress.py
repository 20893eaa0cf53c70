"""A run while it runs, and how it ends."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from backends.host import Host
from backends.steps import Run, StepError
from backends.watch import Watch
from reconciler.model import Change, Effective, Pending, Plan
from reconciler.outcome import Outcome
from reconciler.render.ending import ending
from reconciler.render.progress import Lines, Live, watch_of
from tests.cli import run
from tests.ui.managed import limited


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def plan(*pending: Pending, names: dict[str, str] | None = None) -> Plan:
    change = Change("a", "driver", "0000:01:00.0", "driver", "x", "y", "device[0]", ())
    host = {"hostname": "h"}
    return Plan(host, "/s.toml", "", "", changes=(change,), pending=pending, names=names or {})


def test_plain_lines_in_a_pipe() -> None:
    out, clock = io.StringIO(), Clock()
    watch = Lines(out, plan(names={"0000:01:00.0": "NVIDIA Corporation GA104"}), clock)
    watch.change(2, 7, "0000:01:00.0")
    watch.begins("update-initramfs -u")
    watch.printed("update-initramfs: Generating")
    clock.now = 34.2
    watch.ticks()
    watch.ended()
    assert out.getvalue() == (
        "[2/7] 0000:01:00.0  NVIDIA GA104\n  $ update-initramfs -u\n    took 34 s\n"
    )


def test_a_terminal_shows_the_last_line_and_then_clears_it() -> None:
    out, clock = Terminal(), Clock()
    watch = Live(out, plan(), clock)
    watch.begins("update-initramfs -u")
    watch.printed("Generating \x1b[31m/boot/initrd.img\x07" + "x" * 500)
    clock.now = 3
    watch.ticks()
    drawn = out.getvalue().rpartition("\x1b[2K")[2]
    assert drawn.startswith("      3 s  Generating \\x1b[31m/boot/initrd.img\\x07")
    assert len(drawn) <= 80
    watch.ended()
    assert out.getvalue().endswith("\r\x1b[2K    took 3 s\n")


def test_the_stream_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert type(watch_of(Terminal(), plan())) is Live
    assert type(watch_of(io.StringIO(), plan())) is Lines
    monkeypatch.setenv("TERM", "dumb")  # it cannot erase a line
    assert type(watch_of(Terminal(), plan())) is Lines


class Noting(Watch):
    def __init__(self) -> None:
        self.told: list[str] = []

    def begins(self, command: str) -> None:
        self.told.append(f"begins {command}")

    def printed(self, line: str) -> None:
        self.told.append(line)

    def ticks(self) -> None:
        self.told.append("tick")

    def ended(self) -> None:
        self.told.append("ended")


def test_a_program_is_watched_while_it_runs() -> None:
    host = Host("/")
    host.watch = watch = Noting()
    host.perform(Run(("sh", "-c", "echo one; sleep 0.5; echo two >&2"), timeout=20))
    assert watch.told[0].startswith("begins sh -c")
    assert watch.told.index("one") < watch.told.index("tick") < watch.told.index("two")
    assert watch.told[-1] == "ended"


def test_what_it_printed_is_still_told_when_it_fails() -> None:
    host = Host("/")
    host.watch = watch = Noting()
    with pytest.raises(StepError, match="boom"):
        host.perform(Run(("sh", "-c", "echo boom >&2; exit 3"), timeout=20))
    assert watch.told[-1] == "ended"


def pending(effective: Effective, thing: str) -> Pending:
    return Pending(thing, "new", "old", effective)


@pytest.mark.parametrize(
    ("outcome", "waiting", "words"),
    [
        (Outcome({"a": "done"}), (), ["1 change done and verified."]),
        (
            Outcome({"a": "done"}),
            (pending(Effective.REBOOT, "kernel-args"), pending(Effective.VM_RESTART, "win11")),
            [
                "1 change done and verified.",
                "Next: reboot this host (kernel command line), then run the same command again.",
                "Next: shut down and start win11.",
            ],
        ),
        (
            Outcome({"a": "failed", "b": "skipped", "c": "done"}, {"a": "no"}),
            (),
            ["1 change done and verified, 1 failed, 1 skipped.", "What failed was undone"],
        ),
        (
            Outcome({"a": "done"}, stopped="SIGTERM"),
            (),
            ["1 change done and verified.", "Stopped by SIGTERM"],
        ),
    ],
)
def test_the_last_lines(outcome: Outcome, waiting: tuple[Pending, ...], words: list[str]) -> None:
    said = list(ending(plan(*waiting), outcome))
    assert len(said) == len(words)
    assert all(line.startswith(word) for line, word in zip(said, words, strict=True))


def test_an_apply_from_start_to_end(tmp_path: Path) -> None:
    root = tmp_path / "root"
    spec = limited(root, root / "etc/reconcile/host.toml")
    done = run("--apply", spec, "--root", root)
    assert (done.code, done.err) == (0, "[1/1] /etc/security/limits.d/reconcile.conf\n"), done
    assert "✓ /etc/security/limits.d/reconcile.conf" in done.out
    assert done.out.endswith("1 change done and verified.\n")
    again = run("--apply", spec, "--root", root)
    assert again.err == ""
    assert again.out.endswith("No changes. 1 thing already as wanted (-v lists them).\n")
