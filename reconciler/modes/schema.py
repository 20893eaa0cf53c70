"""--schema: the spec's JSON Schema."""

from __future__ import annotations

import argparse
import sys

from specs.schema import schema_text


def run(args: argparse.Namespace) -> int:
    """Print it; returns the exit code."""
    sys.stdout.write(schema_text())
    return 0
