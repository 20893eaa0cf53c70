"""--init: a first spec of this host."""

from __future__ import annotations

import argparse
import sys
from importlib.resources import files

from reconciler.modes.output import dump
from reconciler.source import source
from reconciler.starter.applied import applied, describe_applied
from reconciler.starter.describe import describe
from reconciler.starter.give import give


def run(args: argparse.Namespace) -> int:
    """Print a first spec; returns the exit code. Raises ReconcileError."""
    found = source(args)
    state = found.look()
    schema = str(files("specs").joinpath("host.schema.json"))
    known = applied(found.reader) if state.owned.sections else None
    if args.for_device is not None:
        _print(give(state, args.for_device, schema), args.format)
    elif known is not None:
        _print(describe_applied(state, known, schema), args.format)
    else:
        _print(describe(state, schema), args.format)
    return 0


def _print(spec: str, form: str) -> None:
    """As it is; for a program its tables, without the suggestions; for a pull request fenced."""
    if form == "json":
        import tomli

        dump(tomli.loads(spec))
    elif form == "markdown":
        sys.stdout.write(f"```toml\n{spec}```\n")
    else:
        sys.stdout.write(spec)
