"""Old journals go, but none that is still needed."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from backends.host import Host
from reconciler.model import Claim
from reconciler.ownership import Owned, read
from reconciler.runs.history import runs
from reconciler.runs.journal import Journal, JournalError
from reconciler.runs.retention import forget_old_runs
from specs.errors import ReconcileError


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


def test_runs_that_only_changed_what_was_ours_do_not_pile_up(tmp_path: Path) -> None:
    """A spec that changes daily: what stood there before is told by the first of them."""
    host = Host(tmp_path)
    a_run(host, Claim("kernel-args", "args", ["early"]))
    a_run(host, Claim("kernel-args", "args", None))
    names = [a_run(host, Claim("kernel-args", "args", [str(n)])) for n in range(6)]
    forget_old_runs(host, kept=2)
    assert [r.run for r in runs(host.reader)] == [names[0], *names[-2:]]


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


def test_a_run_that_could_not_begin_leaves_nothing(tmp_path: Path) -> None:
    """A timer would fill a disk that is full already."""
    host = Host(tmp_path)
    a_run(host)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(JournalError):
            Journal.start(host, Owned(), {"changes": ["x" * 200]}, spec="/s.toml")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(list((tmp_path / "var/lib/reconcile/runs").iterdir())) == 1


def test_a_damaged_record_is_refused_and_can_be_put_back(tmp_path: Path) -> None:
    host = Host(tmp_path)
    name = a_run(host, Claim("files", "/etc/a", "x"))
    path = tmp_path / "var/lib/reconcile/owned.json"
    path.write_text(path.read_text().replace('"x"', "{}"))
    with pytest.raises(ReconcileError, match="not as it was written") as told:
        read(host.reader)
    assert "cp /var/lib/reconcile/runs/RUN/owned.json" in told.value.hint
    path.write_bytes((path.parent / "runs" / name / "owned.json").read_bytes())
    assert read(host.reader).get("files", "/etc/a") == "x"
