"""Settings for every test."""

from __future__ import annotations

import os

from hypothesis import settings

# Other work on the same machine must not fail a test: no deadlines for single examples.
# RECONCILE_EXAMPLES: how many examples a property is tried with (more when hunting, fewer when in
# a hurry).
_EXAMPLES = int(os.environ.get("RECONCILE_EXAMPLES", "100"))
settings.register_profile("reconcile", deadline=None, max_examples=_EXAMPLES)
settings.load_profile("reconcile")
