"""What a mode works on: the spec and the host that the command line names."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from backends.reader import NeedsRoot
from reconciler.source import Source, source
from specs.errors import UsageError

if TYPE_CHECKING:
    from backends.host import Host

DEFAULT_SPEC = "/etc/reconcile/host.toml"


def spec_path(args: argparse.Namespace) -> str:
    """SPEC, else $RECONCILE_SPEC, else the default. Raises UsageError where there is none."""
    given = args.operands[0] if args.operands else os.environ.get("RECONCILE_SPEC")
    if not given and not os.path.lexists(DEFAULT_SPEC):
        hint = f"write one that describes this host: reconcile --init > {DEFAULT_SPEC}"
        raise UsageError("there is no spec yet, and none was named", where=DEFAULT_SPEC, hint=hint)
    return str(given or DEFAULT_SPEC)


def to_change(args: argparse.Namespace) -> tuple[Source, Host]:
    """The host that the mode is to change. Raises NeedsRoot."""
    found = source(args)
    if found.host is None:
        raise AssertionError(f"--state was refused for --{args.mode}")
    if found.host.live and os.geteuid() != 0:
        raise NeedsRoot(f"--{args.mode}")
    return found, found.host
