"""Whose specs root applies."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from backends.host import Host
from reconciler import trust
from reconciler.model import Plan
from reconciler.session import Session
from reconciler.source import Source

NOBODY = 0xFFFFFFFF
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
    assert list(trust.findings([str(link)])) == []
    os.chown(spec, 1000, 0)
    (finding,) = trust.findings([str(link)])
    assert finding.where == str(link)
    assert f"{spec} belongs to uid 1000" in finding.message


@needs_root
@pytest.mark.parametrize("what", ["link", "folder", "link in the middle"])
def test_whoever_can_swap_a_link_is_not_trusted(spec: Path, tmp_path: Path, what: str) -> None:
    """It could lead to their own file while it is read, and to a good one while it is judged."""
    home = tmp_path / "home"
    home.mkdir()
    path = home / "link.toml"
    if what == "link in the middle":
        (home / "specs").symlink_to(spec.parent)
        path = home / "specs" / "host.toml"
        os.chown(home / "specs", 1000, 1000, follow_symlinks=False)
    else:
        path.symlink_to(spec)
        os.chown(path if what == "link" else home, 1000, 1000, follow_symlinks=False)
    (finding,) = trust.findings([str(path)])
    assert "belongs to uid 1000" in finding.message


@needs_root
def test_a_link_in_a_circle_ends(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    assert list(trust.findings([str(tmp_path / "a")])) == []  # whoever reads it says so


@needs_root
def test_an_access_control_list_that_lets_others_write(spec: Path) -> None:
    entries = [(1, 6, NOBODY), (2, 6, 1000), (4, 4, NOBODY), (16, 6, NOBODY), (32, 4, NOBODY)]
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    os.setxattr(spec, "system.posix_acl_access", acl)  # setfacl -m u:1000:rw
    assert os.stat(spec).st_gid == 0
    (finding,) = trust.findings([str(spec)])
    assert "access control list" in finding.message


@needs_root
def test_group_root_may_write(spec: Path) -> None:
    spec.chmod(0o664)
    assert list(trust.findings([str(spec)])) == []


@needs_root
def test_a_saved_plan_is_held_to_the_same(tmp_path: Path) -> None:
    """It carries a spec: whoever may write the file says what root does."""
    path = tmp_path / "plan.json"
    path.write_text("{}")
    os.chown(path, 1000, 1000)
    host = Host("/")
    plan = Plan({}, "/s.toml", "", "", spec_content={"version": 1})
    session = Session.of_plan(plan, Source(host.reader, host, "none"), str(path))
    (finding,) = trust.findings(session.files)
    assert finding.where == str(path)
