"""What each step took: written down while tests run, shown as a table flavour x step."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .base import subdir
from .flavours import FLAVOURS

BEGIN = "<!-- lab figures: begin (written by the lab) -->"
END = "<!-- lab figures: end -->"


@dataclass(slots=True)
class Steps:
    """The steps of one story, in seconds of `clock`; each is kept in a file when it has ended."""

    flavour: str
    accel: str
    clock: Callable[[], float] = time.monotonic
    seconds: dict[str, float] = field(default_factory=dict)
    failed: str = ""

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Time the block as a step of that name."""
        begin = self.clock()
        try:
            yield
        except BaseException:
            self.failed = name
            raise
        finally:
            self.seconds[name] = round(self.clock() - begin, 1)
            self._save()

    def _save(self) -> None:
        data = {"accel": self.accel, "seconds": self.seconds, "failed": self.failed}
        (subdir("report") / f"{self.flavour}.json").write_text(json.dumps(data, indent=1))


def forget() -> None:
    """Remove the figures of earlier runs."""
    for path in subdir("report").glob("*.json"):
        path.unlink()


def table() -> str:
    """The last story of each flavour as a markdown table, a row per step, a column per flavour."""
    files = {name: subdir("report") / f"{name}.json" for name in FLAVOURS}
    runs = {name: json.loads(path.read_text()) for name, path in files.items() if path.exists()}
    steps: list[str] = []
    for run in runs.values():
        steps += [s for s in run["seconds"] if s not in steps]
    lines = ["| step | " + " | ".join(runs) + " |", "|---|" + "---:|" * len(runs)]
    for step in steps:
        lines.append(f"| {step} | " + " | ".join(_cell(r, step) for r in runs.values()) + " |")
    total = [f"{sum(run['seconds'].values()):.0f}" for run in runs.values()]
    lines.append("| **all** | " + " | ".join(total) + " |")
    return "\n".join(lines) + "\n"


def _cell(run: dict[str, dict[str, float] | str], step: str) -> str:
    seconds = run["seconds"]
    assert isinstance(seconds, dict)
    if step not in seconds:
        return "-"
    return f"{seconds[step]:.0f}" + (" failed" if run["failed"] == step else "")


def insert(document: Path) -> None:
    """Put the table into a markdown file, between its two marker lines."""
    text = document.read_text()
    head, rest = text.split(BEGIN)
    _old, tail = rest.split(END)
    document.write_text(f"{head}{BEGIN}\n{table()}{END}{tail}")
