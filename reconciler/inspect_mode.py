"""--inspect and --init: what this host is, and first specs for it."""

from __future__ import annotations

import argparse
import os
import sys
from importlib.resources import files

from backends.libvirt.health import observe_health
from reconciler.inspection import Inspection, inspect
from reconciler.observe import HostState, observe
from reconciler.resources import own_paths
from reconciler.source import Source


def inspect_mode(args: argparse.Namespace, source: Source) -> int:
    """Observe and print; returns the exit code. Raises ReconcileError."""
    state = _look(source)
    health = observe_health(
        source.reader,
        source.libvirt_uri,
        [domain.name for domain in state.libvirt.domains],
        person=_person(source),
    )
    sys.stdout.write(rendered(inspect(state, health), args))
    return 0


def _person(source: Source) -> str:
    """Whom the tool runs for, on this machine: sudo(8) tells; root is nobody in particular."""
    if source.host is None or not source.host.live:
        return ""
    if os.getuid() == 0:
        return os.environ.get("SUDO_USER", "").replace("root", "")
    return os.environ.get("USER", "")


def init_mode(args: argparse.Namespace, source: Source) -> int:
    """Print a first spec; returns the exit code. Raises ReconcileError."""
    from reconciler.starter.applied import applied, describe_applied
    from reconciler.starter.describe import describe
    from reconciler.starter.give import give

    state = _look(source)
    schema = str(files("specs").joinpath("host.schema.json"))
    known = applied(source.reader) if state.owned.sections else None
    if args.for_device is not None:
        sys.stdout.write(give(state, args.for_device, schema))
    elif known is not None:
        sys.stdout.write(describe_applied(state, known, schema))
    else:
        sys.stdout.write(describe(state, schema))
    return 0


def _look(source: Source) -> HostState:
    return observe(
        source.reader,
        own_paths(),
        libvirt_uri=source.libvirt_uri,
        ssh_connection=source.ssh_connection,
    )


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
