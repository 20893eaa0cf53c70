"""A host in a tree whose kernel reacts: what apply does to a machine, without one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from backends.host import Host, StepError
from backends.reader import Reader, TreeReader
from backends.steps import Run
from reconciler.apply import Apply, Outcome
from reconciler.journal import Journal
from reconciler.model import Plan
from reconciler.render.plan_json import to_json
from reconciler.session import Session
from reconciler.source import Source
from specs.spec import HostSpec
from tests.simulator.kernel import SimKernel


class SimHost(Host):
    """Files are written for real; /sys reacts as SimKernel says; programs only leave a trace,
    except modprobe, which loads the simulated kernel's modules."""

    def __init__(self, root: Path, kernel: SimKernel | None = None) -> None:
        super().__init__(root)
        self.kernel = kernel or SimKernel(root)
        self.ran: list[tuple[str, ...]] = []

    @property
    def reader(self) -> Reader:
        """Always a new one: links move here."""
        return TreeReader(self.root, self._observe)

    def write_in_kernel(self, path: str, value: str, timeout: float) -> None:
        """See Host."""
        if not path.startswith("/sys/"):
            super().write_in_kernel(path, value, timeout)
            return
        try:
            self.kernel.write(path, value)
        except TimeoutError as e:
            raise self.hung(path, value, timeout) from e

    def run_step(self, step: Run) -> None:
        """See Host."""
        self.ran.append(step.argv)
        if step.argv[0] == "modprobe" and not self.kernel.modprobe(step.argv[-1]):
            raise StepError(f"{step.preview()} failed", hint="no such module")


class Bench:
    """Specs applied to a simulated host, again and again."""

    def __init__(self, root: Path, kernel: SimKernel | None = None) -> None:
        self.root = root
        self.host = SimHost(root, kernel)

    @property
    def kernel(self) -> SimKernel:
        """What reacts."""
        return self.host.kernel

    def session(self, **tables: Any) -> Session:
        """A spec with these tables, over this host."""
        return Session(
            spec=HostSpec.model_validate({"version": 1, **tables}),
            spec_path="/etc/reconcile/host.toml",
            spec_digest="sha256:0",
            base_dir="/etc/reconcile",
            documents={},
            source=Source(self.host.reader, self.host, "none"),
        )

    def plan(self, **tables: Any) -> Plan:
        """What would be done."""
        return self.session(**tables).plan()

    def apply(self, **tables: Any) -> Outcome:
        """Do it."""
        session = self.session(**tables)
        plan = session.plan()
        assert not plan.refusals(strict=False), plan.findings
        owned = session.observe().owned
        journal = Journal.start(self.host, owned, to_json(plan), spec=plan.spec_path)
        fresh = Session.plan

        def replan(owned: Any) -> Plan:
            return fresh(self.session(**tables), owned)

        return Apply(self.host, plan, journal, replan).run()

    def files(self) -> dict[str, bytes]:
        """Every file under /etc."""
        found = {}
        for folder, _, names in os.walk(self.root / "etc"):
            for name in names:
                path = Path(folder) / name
                found[str(path.relative_to(self.root))] = path.read_bytes()
        return found
