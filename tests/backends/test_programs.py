"""Starting programs and waiting for them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.host import Host
from backends.programs import no_orphan
from backends.runner import here
from backends.steps import Run, StepError
from backends.watch import Watch


def test_a_program_that_hangs_is_killed_with_its_children() -> None:
    with pytest.raises(StepError, match="did not end within"):
        Host().perform(Run(("sh", "-c", "sleep 60 & wait"), timeout=0.5))


def test_output_input_and_status() -> None:
    host = Host()
    done = host.run(["sh", "-c", "cat; echo err >&2; exit 3"], 10, here(), "in")
    assert done is not None
    assert (done.rc, done.out, done.err) == (3, "in", "err\n")
    assert host.run(["no-such-program-here"], 10, here()) is None


class SlowWatch(Watch):
    """Takes longer over each line than the program over all of them."""

    def printed(self, line: str) -> None:
        """A tenth of a second."""
        time.sleep(0.1)


def test_all_output_is_there_though_the_program_ended_long_ago() -> None:
    done = Host().run(["seq", "8"], 10, here(), watch=SlowWatch())
    assert done is not None
    assert done.out.split() == list("12345678")


def test_a_program_is_not_started_with_a_name_that_is_no_utf8() -> None:
    """At once, and with the name."""
    with pytest.raises(StepError, match="echo could not be run: a name that is not UTF-8") as told:
        Host("/").run(["echo", "initrd-\udcff"], 60.0, here())
    assert told.value.where == "initrd-\udcff"


@pytest.fixture
def no_threads() -> Iterator[None]:
    """No thread can be started, since there is no room for its stack; processes can."""
    before = threading.stack_size(1 << 46)
    yield
    threading.stack_size(before)


def test_a_program_that_nobody_could_watch_does_not_run_on(
    no_threads: None, tmp_path: Path
) -> None:
    """``sh`` starts the program first, and then the threads that wait for it."""
    made = tmp_path / "made"
    argv = ["sh", "-c", 'sleep 1; echo >"$0"', str(made)]
    with pytest.raises(StepError, match="could not be run: can't start new thread"):
        Host("/").run(argv, 60.0, here())
    time.sleep(1.5)
    assert not made.exists()


def test_a_program_whose_start_is_interrupted_does_not_run_on() -> None:
    start = contextlib.ExitStack()
    tell = start.enter_context(no_orphan())
    child = subprocess.Popen(["sleep", "60"], preexec_fn=tell, start_new_session=True)
    with pytest.raises(KeyboardInterrupt), start:
        raise KeyboardInterrupt
    child.poll()
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)
