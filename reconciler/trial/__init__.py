"""Trial boots: new kernel arguments are tried once, and stay only when they are confirmed.

docs/decisions/0015-trial-boots.md says what a trial is and what was rejected.
"""

from reconciler.trial.plan import ended, tried

__all__ = ["ended", "tried"]
