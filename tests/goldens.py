"""Golden files: compared, or written anew with RECONCILE_GOLDENS=write."""

from __future__ import annotations

import os
from pathlib import Path


def check(path: Path, text: str) -> None:
    """The text equals the committed file."""
    if os.environ.get("RECONCILE_GOLDENS") == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    wanted = path.read_text() if path.exists() else ""
    assert text == wanted, f"{path} differs; if that is right: make goldens, and read the diff"
