"""A run while it runs: plain lines in a pipe; on a terminal, what the program at hand is doing."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable
from typing import IO

from backends.watch import Watch
from reconciler.model import Plan
from reconciler.render.plan_words import named
from reconciler.render.style import clean

_CLEAR = "\r\x1b[2K"  # ECMA-48: back to the first column, erase the line
_WORTH_TELLING = 1.0  # seconds


class Lines(Watch):
    """One line a change, one a program, and how long it took where that was long."""

    def __init__(
        self, stream: IO[str], plan: Plan, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.stream = stream
        self.plan = plan
        self.clock = clock
        self.command = ""
        self.started = 0.0

    def change(self, number: int, total: int, words: str) -> None:
        """``[2/7] /etc/default/grub.d/zz-reconcile.cfg``"""
        self._say(f"[{number}/{total}] {clean(named(self.plan, words))}")

    def begins(self, command: str) -> None:
        """``$ update-initramfs -u``"""
        self.command = clean(command)
        self.started = self.clock()
        self._say(f"  $ {self.command}")

    def ended(self) -> None:
        """``took 34 s``"""
        took = self.clock() - self.started
        if took >= _WORTH_TELLING:
            self._say(f"    took {took:.0f} s")

    def _say(self, line: str) -> None:
        self._put(line + "\n")

    def _put(self, text: str) -> None:
        """The terminal was closed, or the pipe's reader has gone: that is no reason to stop."""
        with contextlib.suppress(OSError, ValueError):
            self.stream.write(text)
            self.stream.flush()


class Live(Lines):
    """The same, with a last line that moves: seconds so far and what the program last said."""

    last = ""

    def begins(self, command: str) -> None:
        """Nothing has been printed yet."""
        self.last = ""
        super().begins(command)
        self.ticks()

    def printed(self, line: str) -> None:
        """Shown at the next tick."""
        self.last = line

    def ticks(self) -> None:
        """Draw the moving line anew."""
        width = shutil.get_terminal_size().columns - 1
        line = f"    {self.clock() - self.started:3.0f} s  {clean(self.last)}"
        self._put(_CLEAR + line.replace("\n", " ")[:width])

    def ended(self) -> None:
        """The moving line goes; what stays says how long it took."""
        self._put(_CLEAR)
        super().ended()


def watch_of(stream: IO[str], plan: Plan) -> Watch:
    """What suits the stream; a dumb terminal cannot erase a line."""
    moving = stream.isatty() and os.environ.get("TERM") != "dumb"
    return (Live if moving else Lines)(stream, plan)
