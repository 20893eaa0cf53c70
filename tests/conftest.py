"""Settings for every test."""

from __future__ import annotations

import os

from hypothesis import settings

# Other work on the same machine must not fail a test: no deadlines for single examples.
# RECONCILE_EXAMPLES: how many examples a property is tried with (more when hunting, fewer when in
# a hurry). In CI the same ones every time: a run says something about the change, not about luck.
_EXAMPLES = int(os.environ.get("RECONCILE_EXAMPLES", "100"))
_SAME = bool(os.environ.get("CI"))
settings.register_profile(
    "reconcile", deadline=None, max_examples=_EXAMPLES, derandomize=_SAME, database=None
)
settings.load_profile("reconcile")
