"""--inspect: what this host is, in the wanted format."""

from __future__ import annotations

import argparse
import os
import shutil
import sys

from reconciler.inspection import Inspection, inspect
from reconciler.observe import observe
from reconciler.resources import own_paths
from reconciler.source import Source

_NARROW, _WIDE = 80, 100


def inspect_mode(args: argparse.Namespace, source: Source) -> int:
    """Observe and print; returns the exit code. Raises ReconcileError."""
    state = observe(
        source.reader,
        own_paths(),
        libvirt_uri=source.libvirt_uri,
        ssh_connection=os.environ.get("SSH_CONNECTION"),
    )
    sys.stdout.write(rendered(inspect(state), args))
    return 0


def rendered(found: Inspection, args: argparse.Namespace) -> str:
    """The document in the format that was asked for."""
    if args.format == "json":
        from reconciler.render.plan_json import dumps

        return dumps(found.to_json())
    if args.format == "markdown":
        from reconciler.render.inspect_markdown import markdown

        return markdown(found)
    from reconciler.render.inspect_text import text
    from reconciler.render.style import for_stream

    style = for_stream(sys.stdout, no_colour=args.no_color)
    return text(found, colour=style.colour, width=width(), verbose=args.verbose)


def width() -> int:
    """80 columns in a pipe; on a terminal what it has, and not more than reads well."""
    if not sys.stdout.isatty():
        return _NARROW
    return min(max(shutil.get_terminal_size().columns, 40), _WIDE)
