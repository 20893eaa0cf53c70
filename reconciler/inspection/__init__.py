"""What a host is, for people and programs: built from observed state alone, nothing is read."""

from __future__ import annotations

from reconciler.inspection.build import inspect
from reconciler.inspection.model import Inspection

__all__ = ["Inspection", "inspect"]
