"""What became of the changes of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field


class Outcome(Struct):
    """The results of a run by change id: done | failed | skipped, and what went wrong. ``left``
    is what failed and could not be undone either."""

    results: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    stopped: str = ""
    left: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether everything was done and verified."""
        return not self.stopped and all(r == "done" for r in self.results.values())


def result_fields(outcome: Outcome) -> Mapping[str, Mapping[str, Any]]:
    """What JSON output adds to each change."""
    return {
        change: {
            "result": result,
            **({"error": outcome.errors[change]} if result != "done" else {}),
        }
        for change, result in outcome.results.items()
    }
