"""--capture: everything that a plan reads from this host, in one file."""

from __future__ import annotations

import argparse

from backends.files import save
from backends.recorded import RecordingReader
from reconciler import capture
from reconciler.messages import say
from reconciler.source import source
from specs.errors import ReconcileError


def run(args: argparse.Namespace) -> int:
    """Record; returns the exit code. Raises ReconcileError."""
    found = source(args)
    recorder = RecordingReader(found.reader)
    content = capture.take(recorder, found.libvirt_uri, found.ssh_connection, found.tree)
    target = args.operands[0]
    try:
        save(target, content)
    except OSError as e:
        raise ReconcileError(f"cannot write the capture: {e.strerror}", where=target) from e
    if not args.quiet:
        say(f"{len(recorder.nodes)} paths recorded in {target}")
    return 0
