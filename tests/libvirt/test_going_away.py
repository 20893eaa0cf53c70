"""libvirt's daemon goes away in the middle of a run: the rest of the host gets what it should."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.host import Host
from reconciler.model import Change
from reconciler.plan_json import to_json
from reconciler.runs.apply import Apply
from reconciler.runs.history import runs
from reconciler.runs.journal import Journal
from reconciler.session import Session
from reconciler.source import Source
from tests.libvirt.daemon import Daemon, minimal, start
from tests.simulator.hosts import build

pytestmark = pytest.mark.libvirt

SPEC = """version = 1
[cpu]
reserved = "0-1"
isolated = "2-3"
slices = true
[[vm]]
name = "one"
autostart = true
[[vm]]
name = "two"
autostart = true
"""


@pytest.fixture
def own(libvirtd: Daemon, tmp_path: Path) -> Daemon:
    """A daemon that nobody else needs. ``libvirtd`` says whether one can run here."""
    return start(tmp_path / "libvirt")


def test_what_is_not_libvirts_is_done_all_the_same(own: Daemon, tmp_path: Path) -> None:
    root = tmp_path / "root"
    build("sriov-server", root)
    for name in ("one", "two"):
        own.define(minimal(name))
    (tmp_path / "host.toml").write_text(SPEC)
    host = Host(root, own.uri)
    session = Session.open(str(tmp_path / "host.toml"), Source(host.reader, host, own.uri))
    plan = session.plan()
    assert not plan.refusals(strict=False), plan.findings
    journal = Journal.start(host, session.observe().owned, to_json(plan), spec="/s.toml")

    def gate(change: Change) -> None:
        if change.id == "domain:two":
            own.stop()

    outcome = Apply(host, plan, journal, session.plan, gate).run()
    others = {i: r for i, r in outcome.results.items() if not i.startswith("domain:")}
    others.pop("kernel-args")  # the tree has no grub-mkconfig
    assert others, plan.changes
    assert set(others.values()) == {"done"}, outcome.errors
    assert outcome.results["domain:two"] == "failed"
    assert "connect" in outcome.errors["domain:two"]
    assert any("domain one" in text for text in outcome.left), "done, and nobody can look again"
    assert not outcome.good
    (record,) = runs(host.reader)
    assert record.first("finished")["result"] == "failed"
