"""--init: a first spec of this host."""

from __future__ import annotations

import argparse
import sys
from importlib.resources import files

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
        sys.stdout.write(give(state, args.for_device, schema))
    elif known is not None:
        sys.stdout.write(describe_applied(state, known, schema))
    else:
        sys.stdout.write(describe(state, schema))
    return 0
