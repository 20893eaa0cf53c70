"""A host in a tree whose kernel reacts: what apply does to a machine, without one."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backends.host import Host
from backends.reader import Done, Reader, TreeReader
from backends.steps import Run, StepError
from reconciler.model import Plan
from reconciler.outcome import Outcome
from reconciler.plan_json import to_json
from reconciler.runs.apply import Apply
from reconciler.runs.journal import Journal
from reconciler.session import Session
from reconciler.source import Source
from specs.spec import HostSpec
from tests.simulator.kernel import SimKernel

ONE_SHOT = "sys/firmware/efi/efivars/LoaderEntryOneShot-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"


class SimHost(Host):
    """Files are written for real; /sys reacts as SimKernel says; programs only leave a trace,
    except modprobe, which loads the simulated kernel's modules, ip and bootctl."""

    def __init__(self, root: Path, kernel: SimKernel | None = None) -> None:
        super().__init__(root)
        self.kernel = kernel or SimKernel(root)
        self.ran: list[tuple[str, ...]] = []
        self.vf_settings: dict[str, dict[int, dict[str, Any]]] = {}

    @property
    def has_kernel(self) -> bool:
        """The simulated one."""
        return True

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

    def _observe(self, argv: Sequence[str], timeout: float) -> Done | None:
        if list(argv) != ["ip", "-json", "link", "show"]:
            return None
        links = [
            {"ifname": name, "vfinfo_list": [{"vf": n, **info} for n, info in vfs.items()]}
            for name, vfs in self.vf_settings.items()
        ]
        return Done(tuple(argv), 0, json.dumps(links), "")

    def _ip_link_set(self, argv: Sequence[str]) -> None:
        """ip link set dev NAME vf N KEY VALUE ..."""
        name, number, pairs = argv[4], int(argv[6]), argv[7:]
        info = self.vf_settings.setdefault(name, {}).setdefault(number, {})
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            number = int(value) if value.isdecimal() else 0
            flag = value == "on" if key in ("trust", "spoofchk") else value
            as_shown = {"mac": ("address", value), "vlan": ("vlan_list", [{"vlan": number}])}
            shown, content = as_shown.get(key, (key, flag))
            info[shown] = content

    def _set_one_shot(self, entry: str) -> None:
        """bootctl(1): the firmware's variable, or (empty) none."""
        path = Path(self.root) / ONE_SHOT
        path.unlink(missing_ok=True)
        if entry:
            path.write_bytes(b"\7\0\0\0" + f"{entry}\0".encode("utf-16-le"))

    def run_step(self, step: Run) -> None:
        """See Host."""
        self.ran.append(step.argv)
        if step.argv[:2] == ("bootctl", "set-oneshot"):
            self._set_one_shot(step.argv[2])
        if step.argv[:3] == ("ip", "link", "set"):
            self._ip_link_set(step.argv)
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
        state = session.observe()
        facts = {"spec": plan.spec_path, "boot": state.identity.boot_id}
        journal = Journal.start(self.host, state.owned, to_json(plan), **facts)
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
