"""Replacing files: old or new, owner and attributes kept, nothing left behind."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from backends import files


def test_replace_keeps_owner_and_takes_the_mode(tmp_path: Path) -> None:
    target = tmp_path / "grub"
    target.write_text("old")
    if os.geteuid() == 0:
        os.chown(target, 12, 34)
    before = target.stat()
    files.replace(str(target), b"new", 0o640)
    after = target.stat()
    assert target.read_bytes() == b"new"
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
    assert after.st_mode & 0o7777 == 0o640
    assert os.listdir(tmp_path) == ["grub"]


def test_extended_attributes_are_kept(tmp_path: Path) -> None:
    target = tmp_path / "grub"
    target.write_text("old")
    os.setxattr(target, "user.note", b"kept")
    files.replace(str(target), b"new", 0o644)
    assert os.getxattr(target, "user.note") == b"kept"


def test_a_planted_temporary_link_is_not_written_through(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    target = tmp_path / "grub"
    Path(files.temporary_name(str(target))).symlink_to(victim)
    files.replace(str(target), b"new", 0o644)
    assert victim.read_text() == "precious"
    assert target.read_bytes() == b"new"


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "folder" / "grub"
    target.mkdir(parents=True)  # rename over a folder fails
    with pytest.raises(OSError, match="directory"):
        files.replace(str(target), b"new", 0o644)
    assert os.listdir(target.parent) == ["grub"]


def test_what_is_no_file_is_written_to_and_stays(tmp_path: Path) -> None:
    """--out /dev/null as root must not leave the machine a regular file of that name."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with open(os.open(fifo, os.O_RDONLY | os.O_NONBLOCK), "rb") as end:
        files.save(str(fifo), b"plan")
        assert end.read() == b"plan"
    assert stat.S_ISFIFO(fifo.stat().st_mode)
    with pytest.raises(OSError, match="directory"):
        files.save(str(tmp_path), b"plan")


def test_a_link_that_a_user_names_stays(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    link = tmp_path / "link"
    link.symlink_to("real")
    files.save(str(link), b"new")
    assert link.is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"
    assert (tmp_path / "real").stat().st_mode & 0o7777 == 0o600


def test_rename_over_passes_on_the_mode(tmp_path: Path) -> None:
    old, new = tmp_path / "grub.cfg", tmp_path / "grub.cfg.new"
    old.write_text("old")
    old.chmod(0o400)
    new.write_text("new")
    files.rename_over(str(new), str(old))
    assert old.stat().st_mode & 0o7777 == 0o400
    assert old.read_text() == "new"
    assert not new.exists()


@pytest.mark.parametrize("name", ["x.conf", "zz-reconcile.cfg", "10-vfio.rules"])
def test_no_pattern_picks_up_the_temporary_file(name: str) -> None:
    temp = os.path.basename(files.temporary_name(f"/etc/{name}"))
    assert not temp.endswith(os.path.splitext(name)[1])
    assert temp.startswith(".")
