"""--inspect: what this host is, in the wanted format."""

from __future__ import annotations

import argparse
import os
import sys

from reconciler.inspection import Inspection, inspect
from reconciler.observe import observe
from reconciler.resources import own_paths
from reconciler.source import Source


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
    if args.format == "html":
        from reconciler.render.html.inspect_page import page

        return page(found)
    if args.format == "markdown":
        from reconciler.render.inspect_markdown import markdown

        return markdown(found)
    from reconciler.render.inspect_text import text
    from reconciler.render.style import columns, for_stream

    style = for_stream(sys.stdout, no_colour=args.no_color)
    return text(found, colour=style.colour, width=columns(sys.stdout), verbose=args.verbose)
