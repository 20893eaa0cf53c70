"""One resource against a host in memory: plan, let the kernel react, plan again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backends.steps import RemoveFile, Run, Step, WriteAttribute, WriteFile
from reconciler.context import Context, FileWish, Resource, Result, Wishes
from reconciler.model import Change, Finding
from reconciler.observe import observe
from reconciler.ownership import Owned
from reconciler.resources import own_paths
from specs.spec import HostSpec
from tests.topology.maps import MapReader, machine

SYSTEMD = {
    "/run/systemd/system/x": "",
    "/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids\n",
    "/sys/fs/cgroup/init.scope/cpuset.cpus": "\n",
    "/sys/fs/cgroup/system.slice/cpuset.cpus": "\n",
    "/sys/fs/cgroup/user.slice/cpuset.cpus": "\n",
}
IDENTITY = {
    "/proc/sys/kernel/osrelease": "6.12.0\n",
    "/proc/sys/kernel/random/boot_id": "one\n",
    "/proc/sys/vm/compact_memory": "",
}

React = Callable[[dict[str, str], Step], None]


class Bench:
    """A host's files, what reconcile owns there, and how kernel and systemd react to a step."""

    def __init__(self, resource: Resource, react: React, **files: Any) -> None:
        self.resource = resource
        self.react = react
        self.files: dict[str, str] = {**machine(), **IDENTITY, **SYSTEMD, **files.pop("files", {})}
        self.owned = Owned()
        self.ran: list[tuple[str, ...]] = []
        self.reader = MapReader({})
        self.tree = False

    def context(self, owned: Owned | None = None, **tables: Any) -> Context:
        """What the resource is given."""
        spec = HostSpec.model_validate({"version": 1, **tables})
        self.reader = MapReader(self.files)
        state = observe(self.reader, own_paths())
        known = self.owned if owned is None else owned
        return Context(spec, state, known, "/s.toml", "/", tree=self.tree)

    def wishes(self, **tables: Any) -> Wishes:
        """What it wants of shared files and arguments."""
        return self.resource.wishes(self.context(**tables))

    def plan(self, **tables: Any) -> Result:
        """Its own changes and findings."""
        ctx = self.context(**tables)
        return self.resource.plan(ctx, self.resource.wishes(ctx))

    def apply(self, **tables: Any) -> tuple[Change, ...]:
        """As the engine does: claims, steps, look again; the looking must find nothing left."""
        done = self.plan(**tables)
        assert not [f for f in done.findings if f.severity.value == "refuse"]
        for change in done.changes:
            kept = [c for c in change.claims if c.settled or c.value is not None]
            for step in change.steps:
                self.perform(step)
            ctx = self.context(owned=self.owned.with_claims(kept), **tables)
            again = self.resource.plan(ctx, self.resource.wishes(ctx))
            assert change.id not in {c.id for c in again.changes if c.steps}, "not verified"
            self.owned = self.owned.with_claims(change.claims)
        return done.changes

    def perform(self, step: Step) -> None:
        """Do a step to the files, then let the host react."""
        if isinstance(step, WriteFile):
            self.files[step.path] = step.content.decode()
        elif isinstance(step, RemoveFile):
            self.files.pop(step.path, None)
        elif isinstance(step, WriteAttribute):
            assert step.path in self.files, f"no such attribute: {step.path}"
            self.files[step.path] = step.value
        elif isinstance(step, Run):
            self.ran.append(step.argv)
        self.react(self.files, step)

    def put(self, wishes: tuple[FileWish, ...]) -> None:
        """What the general file resource does."""
        for wish in wishes:
            self.files[wish.path] = wish.content.decode()


def refusals(result: Result) -> list[Finding]:
    """The findings that stop a plan."""
    return [f for f in result.findings if f.severity.value == "refuse"]
