"""Reading systemd's configuration syntax (systemd.syntax(7)) and environment files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def assignments(text: str) -> Iterator[tuple[str, str, str]]:
    """Each ``Key=value`` as (section, key, value), in order.

    A backslash at the end of a line continues it (comment lines in between are skipped); lines
    that are neither section, assignment nor comment are ignored, as systemd does with a warning.
    """
    section = ""
    for line in _logical_lines(text):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif "=" in line:
            key, _, value = line.partition("=")
            yield section, key.strip(), value.strip()


def _logical_lines(text: str) -> Iterator[str]:
    parts: list[str] = []
    for raw in text.split("\n"):
        line = raw.strip()
        if line[:1] in ("#", ";") or (not line and not parts):
            continue
        if line.endswith("\\"):
            parts.append(line[:-1])
            continue
        yield " ".join([*parts, line]).strip()
        parts = []
    if parts:
        yield " ".join(parts).strip()


def merged_list(texts: Iterable[str], section: str, key: str) -> list[str]:
    """The words of a list setting over a unit and its drop-ins: they add up, and an empty
    assignment drops what came before (systemd.unit(5))."""
    words: list[str] = []
    for text in texts:
        for found_section, found_key, value in assignments(text):
            if (found_section, found_key) == (section, key):
                words = [*words, *value.replace(",", " ").split()] if value else []
    return words


def environment(text: str) -> dict[str, str]:
    """The variables of an ``EnvironmentFile=`` (systemd.exec(5)): plain or quoted values."""
    found: dict[str, str] = {}
    for _, key, value in assignments(text):
        quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'"
        found[key.removeprefix("export ").strip()] = value[1:-1] if quoted else value
    return found
