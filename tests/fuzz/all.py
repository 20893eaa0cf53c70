"""Every target there is."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz import formats, host, records
from tests.fuzz.target import Target


def targets(home: Path) -> dict[str, Target]:
    """By name; ``home`` is an empty folder for their files."""
    return {t.name: t for t in (*formats.targets(), *records.targets(home), *host.targets())}
