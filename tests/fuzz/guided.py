"""``python -m tests.fuzz.guided TARGET SECONDS``: fuzzing guided by coverage, with atheris.

It is no dependency of the tests: pip install atheris (Pythons that it has wheels for).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]

with atheris.instrument_imports(include=["specs", "backends", "reconciler"]):
    from tests.fuzz.all import targets
    from tests.fuzz.campaign import Campaign


def main() -> None:
    """Does not return: libFuzzer ends the process, and prints how many runs there were."""
    name, seconds = sys.argv[1:3]
    home, corpus = Path(tempfile.mkdtemp()), Path(tempfile.mkdtemp())
    target = targets(home)[name]
    for number, seed in enumerate(target.seeds):
        (corpus / str(number)).write_bytes(seed)
    campaign = Campaign(target)
    options = [
        f"-max_total_time={seconds}",
        "-max_len=8192",
        "-verbosity=0",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], str(corpus), *options], campaign.try_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
