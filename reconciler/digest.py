"""A digest of observed state: equal facts give equal digests, values that wander are left out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any


def plain(value: Any) -> Any:
    """JSON-ready form of a state. Fields marked ``metadata={"volatile": True}`` are left out."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return _dataclass(value)
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(v) for v in value), key=str)
    return str(value)  # specs.values print canonically


def _dataclass(value: Any) -> Any:
    if type(value).__module__.startswith("specs.values"):
        return str(value)
    return {
        f.name: plain(getattr(value, f.name))
        for f in fields(value)
        if not f.metadata.get("volatile")
    }


def digest(value: Any) -> str:
    """``sha256:`` and the hex digest of the canonical JSON form."""
    text = json.dumps(plain(value), sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
