"""--inspect: what this host is."""

from __future__ import annotations

import argparse
import os
import sys

from backends.libvirt.health import observe_health
from reconciler.inspection import Inspection, inspect
from reconciler.modes.output import dump, write_page
from reconciler.source import Source, source


def run(args: argparse.Namespace) -> int:
    """Observe and print; returns the exit code. Raises ReconcileError."""
    found = source(args)
    state = found.look()
    health = observe_health(
        found.reader,
        found.libvirt_uri,
        [domain.name for domain in state.libvirt.domains],
        person=_person(found),
    )
    _show(inspect(state, health), args)
    return 0


def _person(found: Source) -> str:
    """Whom the tool runs for, on this machine: sudo(8) tells; root is nobody in particular."""
    if found.host is None or not found.host.live:
        return ""
    if os.getuid() == 0:
        return os.environ.get("SUDO_USER", "").replace("root", "")
    return os.environ.get("USER", "")


def _show(found: Inspection, args: argparse.Namespace) -> None:
    if args.format == "json":
        dump(found.to_json())
    elif args.format == "html":
        from reconciler.render.html.inspect_page import page

        write_page(page(found))
    elif args.format == "markdown":
        from reconciler.render.inspect_markdown import markdown

        sys.stdout.write(markdown(found))
    else:
        from reconciler.render.inspect_text import text
        from reconciler.render.style import columns, for_stream

        style = for_stream(sys.stdout, no_colour=args.no_color)
        how = {"width": columns(sys.stdout), "verbose": args.verbose}
        sys.stdout.write(text(found, colour=style.colour, **how))
