"""Old journals go, but none that is still needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.host import Host
from reconciler.model import Claim
from reconciler.ownership import read
from reconciler.runs.history import runs
from reconciler.runs.journal import Journal, JournalError
from reconciler.runs.retention import forget_old_runs


def a_run(host: Host, *claims: Claim, finished: bool = True) -> str:
    """A run that claims things and ends."""
    journal = Journal.start(host, read(host.reader), {"changes": []}, spec="/s.toml")
    journal.claim("a", claims)
    if finished:
        journal.finish("good")
    return journal.run


def test_old_runs_go_and_what_is_owned_stays(tmp_path: Path) -> None:
    host = Host(tmp_path)
    owner = a_run(host, Claim("files", "/etc/a", "x"))
    given_up = a_run(host, Claim("files", "/etc/b", "x"))
    killed = a_run(host, finished=False)
    newest = [a_run(host, Claim("files", "/etc/b", None)), a_run(host)]
    forget_old_runs(host, kept=2)
    assert [r.run for r in runs(host.reader)] == [owner, killed, *newest]
    assert not (tmp_path / "var/lib/reconcile/runs" / given_up).exists()


def test_few_runs_are_all_kept(tmp_path: Path) -> None:
    host = Host(tmp_path)
    names = [a_run(host) for _ in range(3)]
    forget_old_runs(host, kept=3)
    assert [r.run for r in runs(host.reader)] == names


def test_a_run_that_cannot_be_written_down_does_not_begin(tmp_path: Path) -> None:
    (tmp_path / "var/lib/reconcile").mkdir(parents=True)
    (tmp_path / "var/lib/reconcile/runs").write_text("a file where a folder should be")
    with pytest.raises(JournalError, match="journal cannot be written") as told:
        a_run(Host(tmp_path))
    assert told.value.where.endswith("runs") or "runs/" in told.value.where
