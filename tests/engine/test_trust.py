"""Whose specs root applies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler import trust

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="giving files away needs root")


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """A spec that only root can change."""
    path = tmp_path / "specs" / "host.toml"
    path.parent.mkdir()
    path.write_text("version = 1\n")
    path.chmod(0o644)
    return path


@needs_root
def test_roots_own(spec: Path) -> None:
    assert list(trust.findings([str(spec)])) == []


@needs_root
@pytest.mark.parametrize(
    ("mode", "uid", "gid", "words"),
    [
        (0o666, 0, 0, "writable by everyone"),
        (0o664, 0, 100, "writable by group 100"),
        (0o644, 1000, 0, "belongs to uid 1000"),
    ],
)
@pytest.mark.parametrize("what", ["file", "folder"])
def test_others_could_write(
    spec: Path, what: str, mode: int, uid: int, gid: int, words: str
) -> None:
    place = spec if what == "file" else spec.parent
    os.chown(place, uid, gid)
    place.chmod(mode | 0o111)
    (finding,) = trust.findings([str(spec)])
    assert finding.code == "spec-untrusted"
    assert words in finding.message


@needs_root
def test_a_link_is_judged_by_what_it_leads_to(spec: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.toml"
    link.symlink_to(spec)
    os.chown(spec, 1000, 0)
    assert [f.where for f in trust.findings([str(link)])] == [str(spec)]


@needs_root
def test_group_root_may_write(spec: Path) -> None:
    spec.chmod(0o664)
    assert list(trust.findings([str(spec)])) == []
