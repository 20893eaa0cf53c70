"""Where facts come from, as the options say."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from backends.reader import Reader, TreeReader
from backends.ssh import ssh_connection
from reconciler.tree import CapturedTree, Tree
from specs.record import Record

if TYPE_CHECKING:
    from backends.host import Host
    from reconciler.observe import HostState

DEFAULT_URI = "qemu:///system"


class Source(Record):
    """Where facts come from: a host (live or a tree), or a capture (``host`` is None).

    ``ssh_connection`` is the SSH_CONNECTION (ssh(1)) of whoever runs the tool on that host.
    """

    reader: Reader
    host: Host | None
    libvirt_uri: str
    ssh_connection: str | None = None
    captured: CapturedTree | None = None

    @property
    def tree(self) -> Tree | None:
        """Where no kernel answers; None: on a machine, or in the capture of one."""
        if self.host is None:
            return self.captured
        return None if self.host.has_kernel else self.host

    def look(self) -> HostState:
        """Everything that a plan of any spec depends on. Raises NeedsRoot."""
        from reconciler.observe import observe
        from reconciler.resources import own_paths

        return observe(
            self.reader,
            own_paths(),
            libvirt_uri=self.libvirt_uri,
            ssh_connection=self.ssh_connection,
        )


def source(args: argparse.Namespace) -> Source:
    """The source that the options name."""
    if args.state is not None:
        from reconciler import capture

        found = capture.load(args.state)
        uri = args.connect or found.libvirt_uri
        return Source(found.reader, None, uri, captured=found.tree)
    from backends.host import NO_LIBVIRT, Host

    root = args.root or "/"
    default = DEFAULT_URI if os.path.realpath(root) == "/" else NO_LIBVIRT
    host = Host(root, args.connect or default)
    return Source(host.reader, host, host.libvirt_uri, ssh_connection(os.environ, TreeReader()))
