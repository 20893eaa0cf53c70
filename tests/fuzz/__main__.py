"""``python -m tests.fuzz [--seconds N] [--seed N] [TARGET...]``: by chance, from good inputs.

``python -m tests.fuzz.guided`` does it guided by coverage.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.fuzz.all import targets
from tests.fuzz.campaign import by_chance
from tests.fuzz.records import a_home


def main() -> int:
    """The exit status: 1 where something crashed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with a_home() as home:
        known = targets(Path(home))
        chosen = [known[name] for name in args.targets or known]
        total = crashed = 0
        for target in chosen:
            done = by_chance(target, args.seconds, args.seed)
            total, crashed = total + done.tried, crashed + len(done.found)
            print(f"{target.name}: {done.tried} inputs, {len(done.found)} crashes", flush=True)
        print(f"all: {total} inputs, {crashed} crashes")
    return 1 if crashed else 0


if __name__ == "__main__":
    sys.exit(main())
