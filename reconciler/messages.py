"""Words on standard error: never a reason to fail, whoever has closed it."""

from __future__ import annotations

import contextlib
import sys


def say(text: str) -> None:
    """Write a line, if there is anybody to read it."""
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
