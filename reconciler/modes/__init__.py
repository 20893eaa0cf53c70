"""Each mode of the command line is a module here, named after it, with one ``run``."""

from __future__ import annotations

import argparse
import importlib


def run(args: argparse.Namespace) -> int:
    """Run the one mode that was asked for; returns the exit code. Raises ReconcileError."""
    code: int = importlib.import_module(f"{__name__}.{args.mode}").run(args)
    return code
