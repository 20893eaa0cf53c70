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
        if args.format == "text":
            raise
        _tell(e.problems, (), args)
        return e.exit_code
    paths = [item.path for item in loaded]
    if args.format != "text":
        _tell((), paths, args)
    elif not args.quiet:
        sys.stdout.writelines(f"{path}: ok\n" for path in paths)
    return 0


def _tell(found: Sequence[SpecProblem], paths: Sequence[str], args: argparse.Namespace) -> None:
    if args.format == "markdown":
        sys.stdout.write(problems.markdown(found, paths))
    else:
        dump({"format_version": 1, "problems": problems.to_json(found)})
