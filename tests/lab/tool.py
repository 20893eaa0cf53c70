"""The tool under test, as its users call it in a guest."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Any

from .guest import Guest

SPEC = "/etc/reconcile/host.toml"


@dataclass(frozen=True, slots=True)
class Reconcile:
    """Runs `reconcile` in a guest; what it says goes to the test's output."""

    guest: Guest

    def __call__(self, *arguments: str) -> int:
        """The exit status."""
        done = self.guest.run(shlex.join(["reconcile", *arguments]))
        print(f"\n$ reconcile {shlex.join(arguments)}\n{done.text}-> {done.rc}")
        return done.rc

    def json(self, *arguments: str) -> Any:
        """What it prints with --format json; any exit status."""
        words = shlex.join(["reconcile", *arguments, "--format", "json"])
        done = self.guest.run(f"{words} 2>/run/lab-stderr")
        try:
            return json.loads(done.text)
        except ValueError:
            errors = self.guest.out("cat /run/lab-stderr")
            raise AssertionError(f"{words}: exit {done.rc}\n{done.text}\n{errors}") from None

    def apply(self) -> Any:
        """`--apply`, which must end well; its JSON."""
        result = self.json("--apply")
        failed = [_outcome(c) for c in result["changes"] if c.get("result") != "done"]
        refused = [f["message"] for f in result["findings"] if f["severity"] == "refuse"]
        assert not failed, "\n".join(failed)
        assert not refused, "\n".join(refused)
        return result

    def in_sync(self) -> bool:
        """Whether the host is as the spec says, running and at next boot; shows the plan if not."""
        return self("--plan", "--detailed-exitcode") == 0


def _outcome(change: Any) -> str:
    return f"{change['id']}: {change.get('result')}: {change.get('error')}"
