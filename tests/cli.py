"""Running the command line in this process: arguments in; exit code, stdout and stderr out."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass

from reconciler.cli import main


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run gave."""

    code: int
    out: str
    err: str


def run(*argv: object) -> Ran:
    """``reconcile ARGV...`` with its output taken."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main([str(a) for a in argv])
        except SystemExit as e:  # --help and --version
            code = int(e.code or 0)
    return Ran(code, out.getvalue(), err.getvalue())
