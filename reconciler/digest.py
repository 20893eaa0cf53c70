"""A digest of observed state: equal facts give equal digests, values that wander are left out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from enum import Enum
from typing import Any

from specs.record import Record
from specs.values.base import Value


def plain(value: Any) -> Any:
    """JSON-ready form of a state. What a record calls ``VOLATILE`` is left out."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Record) and not isinstance(value, Value):
        return {
            name: plain(getattr(value, name))
            for name in value.__struct_fields__
            if name not in value.VOLATILE
        }
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(v) for v in value), key=str)
    return str(value)  # specs.values print canonically


def digest(value: Any) -> str:
    """``sha256:`` and the hex digest of the canonical JSON form."""
    text = json.dumps(plain(value), sort_keys=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
