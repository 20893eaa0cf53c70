"""What differs between two observations of a host, in words: the one place that uses deepdiff."""

from __future__ import annotations

from typing import Any

_MOST = 12


def differences(before: Any, after: Any) -> list[str]:
    """One line a difference (``pci.functions…driver: nouveau → vfio-pci``), at most a dozen.

    Both are plain normalised forms (``reconciler.digest.plain``), never raw text: two spellings of
    one CPU list are no difference.
    """
    from deepdiff import DeepDiff

    found = DeepDiff(before, after, view="tree")
    lines = sorted(
        f"{_path(level.path(output_format='list'))}: {_shown(level.t1)} → {_shown(level.t2)}"
        for levels in found.values()
        for level in levels
    )
    return lines[:_MOST] + ([f"and {len(lines) - _MOST} more"] if len(lines) > _MOST else [])


def _path(keys: list[Any]) -> str:
    return ".".join(str(key) for key in keys) or "everything"


def _shown(value: Any) -> str:
    text = repr(value)
    if text == "not present":
        return "nothing"
    return text if len(text) <= 60 else text[:57] + "..."
