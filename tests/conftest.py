"""Settings for every test."""

from __future__ import annotations

from hypothesis import settings

# Other work on the same machine must not fail a test: no deadlines for single examples.
settings.register_profile("reconcile", deadline=None)
settings.load_profile("reconcile")
