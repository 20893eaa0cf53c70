"""Somebody who watches a run: what is done, which program runs, what it prints."""

from __future__ import annotations

import threading


class Watch:
    """Told of everything, does nothing: whoever wants to see more overrides a method.

    ``printed`` is called from the thread that reads the program's output.
    """

    def change(self, number: int, total: int, words: str) -> None:
        """Change ``number`` of ``total`` begins."""

    def begins(self, command: str) -> None:
        """A program starts."""

    def printed(self, line: str) -> None:
        """The program has printed a line."""

    def ticks(self) -> None:
        """The program is still running; called a few times a second."""

    def ended(self) -> None:
        """The program is over, however it ended."""


class Heard:
    """What a program prints, kept whole while a watch hears of each line."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._lock = threading.Lock()
        self._out: list[str] = []
        self._err: list[str] = []

    def out(self, text: str) -> None:
        """Some of its standard output."""
        self._keep(self._out, text)

    def err(self, text: str) -> None:
        """Some of its standard error."""
        self._keep(self._err, text)

    def _keep(self, into: list[str], text: str) -> None:
        with self._lock:
            into.append(text)
        for line in text.splitlines():
            if line.strip():
                self._watch.printed(line.strip())

    @property
    def texts(self) -> tuple[str, str]:
        """Everything so far: output and error."""
        with self._lock:
            return "".join(self._out), "".join(self._err)
