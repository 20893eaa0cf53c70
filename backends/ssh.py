"""The SSH session that a program was started in (SSH_CONNECTION of ssh(1))."""

from __future__ import annotations

from collections.abc import Mapping

from backends.reader import Reader

_NAME = "SSH_CONNECTION"
_DEPTH = 64  # processes between us and the session's shell


def ssh_connection(environ: Mapping[str, str], processes: Reader) -> str | None:
    """``client port server port`` of the session, or None.

    sudo(8) takes the variable away; the shell that sudo was typed in still has it, so the processes
    above this one are asked (proc(5): stat of ``processes`` tells the parent, environ the
    variables, which only their owner and root may read).
    """
    if found := environ.get(_NAME):
        return found
    pid = _parent(processes, "self")
    for _ in range(_DEPTH):
        if pid in ("", "0", "1"):
            break
        if found := _variable(processes, pid):
            return found
        pid = _parent(processes, pid)
    return None


def _parent(processes: Reader, pid: str) -> str:
    text = processes.read_text(f"/proc/{pid}/stat", optional=True) or ""
    # The name of the program, in parentheses, may hold anything.
    words = text.rpartition(")")[2].split()
    return words[1] if len(words) > 1 else ""


def _variable(processes: Reader, pid: str) -> str | None:
    text = processes.read_text(f"/proc/{pid}/environ", optional=True) or ""
    prefix = f"{_NAME}="
    found = (item.removeprefix(prefix) for item in text.split("\0") if item.startswith(prefix))
    return next(found, None)
