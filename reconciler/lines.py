"""The lines of a file that change, as a plan shows them to people."""

from __future__ import annotations


def difference(old: bytes | None, new: bytes | None) -> tuple[tuple[str, str, str], ...]:
    """Added and removed lines, for people; comments are left out."""
    before, after = (_lines(old), _lines(new))
    return tuple(
        [("-", line, "") for line in before if line not in after]
        + [("+", line, "") for line in after if line not in before]
    )


def _lines(content: bytes | None) -> list[str]:
    text = (content or b"").decode("utf-8", "replace")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
