"""Many virsh commands in one process, the output of each told apart.

virsh(1): with one argument, commands are separated by ``;`` and newlines, an error does not stop
the next one, and the exit status is that of the last. So a marker is printed before each, and the
last command is one that needs the connection.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

MARK = "@reconcile"
# execve(2): one argument has at most 128 KiB (MAX_ARG_STRLEN).
LONGEST = 120_000
_MARKER = re.compile(rf"^{MARK} (\d+)\n", re.MULTILINE)
LAST = "uri"


def argv(uri: str, commands: Sequence[str]) -> list[str]:
    """The arguments of one virsh that runs these commands over one connection."""
    lines = [f"echo '\n{MARK} {n}\n'\n{command}" for n, command in enumerate((*commands, LAST))]
    return ["virsh", "--quiet", "--connect", uri, "\n".join(lines)]


def fitting(commands: Sequence[str]) -> Iterator[list[str]]:
    """The commands in as few batches as one argument allows."""
    batch: list[str] = []
    size = 0
    for command in commands:
        cost = len(command.encode("utf-8", "surrogateescape")) + len(MARK) + 20
        if batch and size + cost > LONGEST:
            yield batch
            batch, size = [], 0
        batch.append(command)
        size += cost
    if batch:
        yield batch


def answers(out: str, count: int) -> list[str]:
    """The output of each of ``count`` commands; "" for one that printed nothing.

    A line in some output that looks like a marker is one only if its number is the next.
    """
    found = [""] * count
    number, start = -1, 0
    for mark in _MARKER.finditer(out):
        if int(mark[1]) != number + 1:
            continue
        if 0 <= number < count:
            found[number] = out[start : mark.start()].strip("\n")
        number, start = number + 1, mark.end()
    if 0 <= number < count:
        found[number] = out[start:].strip("\n")
    return found


def quote(text: str) -> str:
    """A word for virsh's command line, which reads quotes and backslashes as a shell does."""
    return shlex.quote(text)
