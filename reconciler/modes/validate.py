"""--validate: specs by themselves, with no host at all."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from backends.bootloader import declarable
from reconciler.modes.output import dump
from reconciler.render import problems
from specs.errors import SpecError, SpecProblem
from specs.load import load_many


def run(args: argparse.Namespace) -> int:
    """Check every file and folder; returns the exit code. Raises SpecError with all mistakes."""
    try:
        loaded = load_many(args.operands, loaders=declarable())
    except SpecError as e:
        if args.format != "json":
            raise
        _dump(e.problems)
        return e.exit_code
    if args.format == "json":
        _dump(())
    elif not args.quiet:
        sys.stdout.writelines(f"{item.path}: ok\n" for item in loaded)
    return 0


def _dump(found: Sequence[SpecProblem]) -> None:
    dump({"format_version": 1, "problems": problems.to_json(found)})
