"""What every resource kind offers the engine, and what it is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from reconciler.model import Change, Claim, Effective, Finding, Pending, Unchanged
from specs.record import Record, field

if TYPE_CHECKING:
    from reconciler.observe import HostState
    from reconciler.ownership import Owned
    from specs.spec import HostSpec


BOOT_GROUP = "boot"  # of the changes that the next boot sees all of, or none


class ArgWish(Record):
    """A kernel argument that something needs, and the spec paths that ask for it, after commas."""

    arg: str
    because: str

    @property
    def places(self) -> tuple[str, ...]:
        """The spec paths one by one; what is found wrong with the argument is told of the first."""
        return tuple(self.because.split(", "))


class FileWish(Record):
    """A whole file of ours. Its first comment line may name the spec; that line is not compared.

    ``in_initramfs``: the file acts from within the initramfs, so that must be made again.
    ``claims`` are what reconcile owns beside the file itself once it is there.
    """

    path: str
    content: bytes
    because: str
    mode: int = 0o644
    in_initramfs: bool = False
    effective: Effective = Effective.REBOOT
    claims: tuple[Claim, ...] = ()


def change_id(path: str) -> str:
    """The id of the change that writes a file of ours."""
    return f"file:{path}"


class Wishes(Record):
    """What a resource wants from the parts of the machine that several resources share.

    ``early_modules`` are to be in the initramfs and loaded before the drivers of the host.
    """

    args: tuple[ArgWish, ...] = ()
    files: tuple[FileWish, ...] = ()
    early_modules: tuple[str, ...] = ()


class Result(Record):
    """What a resource contributes to the plan. Changes of the group ``held`` wait: they are no
    part of this plan, and told as pending ``until`` then."""

    changes: tuple[Change, ...] = ()
    findings: tuple[Finding, ...] = ()
    pending: tuple[Pending, ...] = ()
    unchanged: tuple[Unchanged, ...] = ()
    held: str = ""
    until: Effective = Effective.REBOOT


class Context(Record):
    """Everything a decision may depend on. ``base_dir`` is where the spec's relative paths start;
    ``documents`` holds the files that the spec names (domain definitions), by spec path.
    ``tree``: no kernel, firmware or service manager of this host runs. ``confirming``: what a trial
    boot has tried becomes permanent. ``again``: a trial that failed is tried once more."""

    spec: HostSpec
    state: HostState
    owned: Owned
    spec_path: str
    base_dir: str
    documents: Mapping[str, bytes] = field(default_factory=dict)
    spec_digest: str = ""
    tree: bool = False
    confirming: bool = False
    again: bool = False

    @property
    def header(self) -> str:
        """The comment line that files of ours start with."""
        shown = "".join(c if c.isprintable() else "?" for c in self.spec_path)
        return f"# Written by reconcile from {shown}; edit that spec, not this file.\n"


class Resource(Protocol):
    """One kind of thing on a host. A module of reconciler.resources offers one as ``RESOURCE``.

    ``own_paths`` are the files that it may create: observation reads them.
    """

    kind: str
    order: int
    own_paths: tuple[str, ...]

    def wishes(self, ctx: Context) -> Wishes:
        """What is wanted from the command line, the initramfs and files."""

    def plan(self, ctx: Context, wishes: Wishes) -> Result:
        """Changes, findings and pending; ``wishes`` is the sum over all resources."""
