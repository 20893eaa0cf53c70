"""--history: the runs on this host."""

from __future__ import annotations

import argparse
import sys

from reconciler.modes.output import dump
from reconciler.render import history_text
from reconciler.runs.history import runs
from reconciler.source import source


def run(args: argparse.Namespace) -> int:
    """List them; returns the exit code. Raises ReconcileError."""
    records = runs(source(args).reader)
    if args.format == "json":
        dump({"format_version": 1, "runs": history_text.rows(records)})
    elif args.format == "markdown":
        sys.stdout.write(history_text.markdown(records))
    else:
        sys.stdout.write(history_text.text(records))
    return 0
