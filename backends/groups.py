"""Groups of the host (group(5))."""

from __future__ import annotations

from backends.reader import Reader


def observe_groups(reader: Reader) -> frozenset[str]:
    """Names of the local groups; those of a directory service are not among them."""
    text = reader.read_text("/etc/group") or ""
    return frozenset(name for line in text.splitlines() if (name := line.partition(":")[0]))
