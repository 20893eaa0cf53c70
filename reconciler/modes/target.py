"""What a mode works on: the spec and the host that the command line names."""

from __future__ import annotations

import argparse
import contextlib
import os
from typing import TYPE_CHECKING

from backends.reader import NeedsRoot, TreeReader
from reconciler.source import Source, source
from specs.errors import UsageError

if TYPE_CHECKING:
    from backends.host import Host

DEFAULT_SPEC = "/etc/reconcile/host.toml"


def spec_path(args: argparse.Namespace) -> str:
    """SPEC, else $RECONCILE_SPEC, else the default: with --root the tree's own, if it has one.
    Raises UsageError where there is none."""
    given = args.operands[0] if args.operands else os.environ.get("RECONCILE_SPEC")
    given = given or _of_tree(args.root)
    if not given and not os.path.lexists(DEFAULT_SPEC):
        hint = f"write one that describes this host: reconcile --init > {DEFAULT_SPEC}"
        raise UsageError("there is no spec yet, and none was named", where=DEFAULT_SPEC, hint=hint)
    return str(given or DEFAULT_SPEC)


def _of_tree(root: str | None) -> str | None:
    """The default spec in a tree, as a path of this machine."""
    if root is None:
        return None
    with contextlib.suppress(OSError):  # a loop of links leads nowhere
        path = TreeReader(root).locate(DEFAULT_SPEC)
        return path if os.path.exists(path) else None
    return None


def to_change(args: argparse.Namespace) -> tuple[Source, Host]:
    """The host that the mode is to change. Raises NeedsRoot."""
    found = source(args)
    if found.host is None:
        raise AssertionError(f"--state was refused for --{args.mode}")
    if found.host.live and os.geteuid() != 0:
        raise NeedsRoot(f"--{args.mode}")
    return found, found.host
