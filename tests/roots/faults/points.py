"""The system calls of a run that change something below a tree, found and struck with strace(1).

Only the tool's own process is traced, not the programs that it runs. "Killed after" a call is
"killed before" the next one of the list: nothing on the disk lies between them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.roots.faults.tool import Tool

_CALLS = (
    "write,pwrite64,writev,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,link,"
    "linkat,symlink,symlinkat,fsync,fdatasync,sync_file_range,chmod,fchmod,fchmodat,chown,fchown,"
    "lchown,fchownat,setxattr,fsetxattr,ftruncate,truncate,openat,fork,vfork,clone,clone3"
)
_STARTS = {"fork", "vfork", "clone", "clone3"}
_WRITING = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC")
KILL = "killed"
ERRORS = ("ENOSPC", "EIO", "EROFS")


@dataclass(frozen=True, slots=True)
class Point:
    """The ``number``-th (from 1) call of a kind in a run; ``shown`` is how strace wrote it."""

    call: str
    number: int
    shown: str


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to a run at a point: killed before the call, or the call fails."""

    point: Point
    how: str

    @property
    def inject(self) -> str:
        """strace's option."""
        strike = "signal=SIGKILL" if self.how == KILL else f"error={self.how}"
        return f"inject={self.point.call}:{strike}:when={self.point.number}"

    def __str__(self) -> str:
        return f"{self.how} at {self.point.call} {self.point.number}: {self.point.shown}"


def points(tool: Tool, argv: Sequence[object], root: Path, log: Path) -> list[Point]:
    """Run the tool undisturbed and list its calls that change something below ``root``."""
    done = tool(argv, "-y", "-s", "64", "-e", f"trace={_CALLS}", "-o", str(log))
    assert done.code == 0, done.text
    return list(_changing(log.read_text(errors="replace"), str(root)))


def _changing(trace: str, root: str) -> Iterator[Point]:
    count: Counter[str] = Counter()
    for line in trace.splitlines():
        call = line.split("(", 1)[0]
        count[call] += 1
        changes = call in _STARTS or (root in line.split(" = ")[0])
        if call == "openat":
            changes = changes and bool(_WRITING.search(line))
        if changes and re.fullmatch(r"\w+", call):
            yield Point(call, count[call], line.replace(root, "")[:120])
