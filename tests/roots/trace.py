"""Reading what strace(1) wrote."""

from __future__ import annotations

import re

_CHANGING = re.compile(
    r"(rename|unlink|mkdir|rmdir|link|symlink|f?chmod|[fl]?chown|f?truncate|utime|mknod|f?setxattr)"
    r"\w*\("
)
_WRITING = re.compile(r"p?writev?(64)?\((?![12],)")


def changing_calls(trace: str) -> list[str]:
    """Lines of ``strace -f`` that change something or start a program (the first exec is ours)."""
    lines = [line.split(maxsplit=1)[1] for line in trace.splitlines()]
    execs = [line for line in lines if line.startswith("execve(")][1:]
    return execs + [line for line in lines if _changes(line)]


def _changes(call: str) -> bool:
    opened = call.startswith("open") and re.search(r"O_(WRONLY|RDWR|CREAT|TRUNC)", call)
    if opened and '"/dev/null"' not in call:
        return True
    return bool(_WRITING.match(call) or _CHANGING.match(call))
