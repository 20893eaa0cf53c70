"""A plan for a tree (``--root``): no kernel answers there, and the one that runs here is not its.

Files are what a tree is about. Attributes are written where the tree has them as plain files (a
recorded or simulated /sys); orders to a kernel or to a service manager are left out, and what they
would have brought comes when the tree is booted. Where the real /sys is mounted in the tree, as
installers do, no attribute is written at all: it would reach this machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from backends.reader import CaptureError, Reader
from backends.running import acts_on_running_system, left_out
from backends.steps import Run, Step, WriteAttribute
from reconciler.model import Change, Effective, Pending, Plan, closed
from reconciler.ownership import Owned
from specs.record import Record, replace

# Attributes that are orders: they hold nothing (Documentation/ABI/testing/sysfs-bus-pci,
# admin-guide/sysctl/vm.rst).
_ORDERS = ("bind", "unbind", "drivers_probe", "compact_memory")


class Tree(Protocol):
    """A tree, or the capture of one."""

    def plain(self, path: str) -> bool:
        """Whether a path is in the tree's own file system: what is mounted there is not."""


class CapturedTree(Record):
    """What a capture keeps of a tree; ``mounted`` are folders that were not the tree's own."""

    mounted: tuple[str, ...]

    def plain(self, path: str) -> bool:
        """See Tree."""
        return not any(path == place or path.startswith(f"{place}/") for place in self.mounted)


def mounted(tree: Tree) -> tuple[str, ...]:
    """The kernel's folders that are mounted in a tree, as installers do."""
    return tuple(place for place in ("/proc", "/sys") if not tree.plain(place))


def in_tree(plan: Plan, tree: Tree, owned: Owned, reader: Reader) -> Plan:
    """The part of a plan that is done in the tree; the rest is pending until it boots.
    ``reader`` is the look at the tree that the plan was made from."""
    changes: list[Change] = []
    pending: list[Pending] = []
    for change in plan.changes:
        steps = tuple(s for s in change.steps if _in_reach(tree, reader, s))
        if not (change.steps and all(_is_so(reader, s) for s in _last(steps))):
            changes.append(replace(change, steps=steps))
            continue
        pending += _waiting(change)
        given_up = tuple(c for c in change.claims if c.value is None)
        if owned.with_claims(given_up) != owned:
            changes.append(replace(change, steps=(), claims=given_up))
    return replace(plan, changes=closed(changes), pending=(*plan.pending, *pending))


def _in_reach(tree: Tree, reader: Reader, step: Step) -> bool:
    if isinstance(step, Run):
        return not acts_on_running_system(step.argv)
    if isinstance(step, WriteAttribute):
        name = step.path.rpartition("/")[2]
        if name in _ORDERS or not tree.plain(step.path):
            return False
        # A function that is there has its vendor; one that a kernel would make (a VF) is not there.
        shown = f"{step.path.rpartition('/')[0]}/vendor" if left_out(step.path) else step.path
        return _text(reader, shown) is not None
    return True


def _last(steps: Sequence[Step]) -> Sequence[Step]:
    """Of several writes to one attribute the last is what stays."""
    last: Mapping[object, Step] = {getattr(s, "path", s): s for s in steps}
    return tuple(last.values())


def _text(reader: Reader, path: str) -> str | None:
    """What an attribute holds; None where there is none, or where nothing was recorded of it."""
    try:
        return reader.read_text(path, optional=True)
    except CaptureError:
        return None


def _is_so(reader: Reader, step: Step) -> bool:
    if not isinstance(step, WriteAttribute):
        return False
    now = _text(reader, step.path) or ""
    return now.strip().removeprefix("(null)") == step.value.strip()


def _waiting(change: Change) -> tuple[Pending, ...]:
    if change.field == "record":
        return ()
    values = (change.after, change.before)
    if not all(v is None or isinstance(v, (str, int)) for v in values):
        return (Pending(change.object, f"{change.field} as wanted", "not yet", Effective.REBOOT),)
    after, before = (str(v or "nothing") for v in values)
    return (Pending(change.object, after, before, Effective.REBOOT),)
