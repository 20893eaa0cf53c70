"""Counting what a command does, and timing it against another."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_TRACED = (
    "execve,open,openat,openat2,write,pwrite64,writev,"
    "rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat"
)
_CALL = re.compile(r"(?:\d+ +)?(\w+)\((.*)\) += +(-?\d+)")


@dataclass(frozen=True, slots=True)
class Counts:
    """Programs started (the command itself included), files opened under ``below``, bytes written
    to files (not to the standard streams), and names of files changed."""

    programs: int
    opened: int
    most_opened: int
    bytes_written: int
    changed: tuple[str, ...]


def count(argv: Sequence[str], below: str) -> Counts:
    """Run a command under strace(1) and count."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        command = ["strace", "-f", "-qq", "-y", "-s", "0", "-o", str(log), "-e", f"trace={_TRACED}"]
        subprocess.run([*command, *argv], check=False, stdout=subprocess.DEVNULL)
        calls = [m.groups() for line in log.read_text().splitlines() if (m := _CALL.match(line))]
    done = [(name, text, int(rc)) for name, text, rc in calls if int(rc) >= 0]
    opens = [t.split('"')[1] for name, t, _ in done if name.startswith("open") and below in t]
    writes = [rc for name, t, rc in done if "write" in name and not re.match(r"[12]<", t)]
    changing = ("rename", "unlink", "mkdir")
    return Counts(
        programs=sum(name == "execve" for name, _, _ in done),
        opened=len(opens),
        most_opened=max((opens.count(path) for path in set(opens)), default=0),
        bytes_written=sum(writes),
        changed=tuple(t for name, t, _ in done if name.startswith(changing)),
    )


def ratio(
    argv: Sequence[str], floor: Sequence[str], rounds: int = 15
) -> tuple[float, float, float]:
    """Best wall time of a command, of a floor, in seconds, and their ratio; taken in turns, so that
    both meet the same noise."""
    best = {False: float("inf"), True: float("inf")}
    for _ in range(rounds):
        for which, command in ((False, argv), (True, floor)):
            start = time.perf_counter()
            subprocess.run(command, check=False, stdout=subprocess.DEVNULL, env=_quiet())
            best[which] = min(best[which], time.perf_counter() - start)
    return best[False], best[True], best[False] / best[True]


def _quiet() -> dict[str, str]:
    """Compiled modules are kept, as they are where the tool is installed."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
