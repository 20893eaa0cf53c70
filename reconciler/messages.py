"""Words that nobody may be there to read: never a reason to fail, whoever has closed a stream."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator


def say(text: str) -> None:
    """Write a line, if there is anybody to read it."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


@contextlib.contextmanager
def perhaps_unread() -> Iterator[None]:
    """Where the reader of standard output has gone (``| head``), nothing more is said; the exit
    code still tells what was done."""
    try:
        yield
    except BrokenPipeError:
        hush()


def hush() -> None:
    """Let everything that is still printed, at the end of the program too, go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
