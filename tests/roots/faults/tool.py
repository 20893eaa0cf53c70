"""The tool under test, run a thousand times: its modules are loaded once, every run is a fork."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tests.lab.base import CHECKOUT

# A child that is to be traced stops until the tracer has come: what it calls before is not counted,
# and what it calls afterwards is the same in every run.
_SERVER = """
import contextlib, json, os, signal, sys
from reconciler import cli
from reconciler.runs import rollback
from reconciler.modes import apply
from reconciler.render import history_text, plan_text
import sh
job = json.loads(sys.stdin.readline())
with contextlib.redirect_stdout(open(os.devnull, "w")):
    cli.main(job["argv"])
for line in sys.stdin:
    job = json.loads(line)
    child = os.fork()
    if child == 0:
        out = os.open(job["out"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(out, 2)
        if job["traced"]:
            os.kill(os.getpid(), signal.SIGSTOP)
        try:
            code = cli.main(job["argv"])
            sys.stdout.flush()
        except BaseException:
            import traceback
            traceback.print_exc()
            code = 70
        os._exit(code)
    print(child, flush=True)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""
_PATIENCE = 300.0  # seconds


@dataclass(frozen=True, slots=True)
class Ran:
    """Exit status (negative: the signal that ended it), and stdout and stderr in one."""

    code: int
    text: str


class Tool:
    """``tool(argv, *strace)`` runs ``reconcile ARGV``, under strace with these options where there
    are any. ``home`` is a folder for what it prints, ``warm`` a harmless run that loads modules."""

    def __init__(self, home: Path, warm: Sequence[object]) -> None:
        self._out = home / "out"
        env = {**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTHONHASHSEED": "0"}
        self._server = subprocess.Popen(
            [sys.executable, "-c", _SERVER],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._tell(warm, traced=False)

    def __enter__(self) -> Tool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None
    ) -> None:
        self._server.kill()
        self._server.communicate()

    def __call__(self, argv: Sequence[object], *strace: str) -> Ran:
        self._tell(argv, traced=bool(strace))
        child = int(self._line())
        tracer = _trace(child, strace) if strace else None
        code = int(self._line())
        if tracer is not None:
            tracer.communicate(timeout=_PATIENCE)
        return Ran(code, self._out.read_text(errors="replace"))

    def _tell(self, argv: Sequence[object], *, traced: bool) -> None:
        assert self._server.stdin is not None
        job = {"argv": [str(a) for a in argv], "out": str(self._out), "traced": traced}
        self._server.stdin.write(json.dumps(job) + "\n")
        self._server.stdin.flush()

    def _line(self) -> str:
        assert self._server.stdout is not None
        line = self._server.stdout.readline()
        assert line, "the server has died"
        return line.strip()


def _trace(child: int, strace: Sequence[str]) -> subprocess.Popen[bytes]:
    """Attach, and let the child go on."""
    status = Path(f"/proc/{child}/status")
    _wait(status, "State:\tT")
    tracer = subprocess.Popen(["strace", "-qq", *strace, "-p", str(child)])
    _wait(status, f"TracerPid:\t{tracer.pid}")
    os.kill(child, signal.SIGCONT)
    return tracer


def _wait(status: Path, word: str) -> None:
    end = time.monotonic() + _PATIENCE
    while word not in status.read_text():
        assert time.monotonic() < end, f"{status} never says {word}"
        time.sleep(0.001)
