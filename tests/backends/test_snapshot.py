"""One look at a host reads each file once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from backends.reader import NeedsRoot, TreeReader
from backends.snapshot import SnapshotReader
from reconciler.observe import observe
from tests.simulator.hosts import many_functions
from tests.simulator.tree import TreeBuilder


class CountingReader(TreeReader):
    """Counts what is read from the disk."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.read: Counter[str] = Counter()

    def read_bytes(self, path: str, *, optional: bool = False) -> bytes | None:
        """Counted."""
        self.read[path] += 1
        return super().read_bytes(path, optional=optional)

    def list(self, path: str) -> tuple[str, ...]:
        """Counted."""
        self.read[path] += 1
        return super().list(path)


def test_no_file_is_read_twice(tmp_path: Path) -> None:
    tree = TreeBuilder(tmp_path)
    many_functions(tree, 64)
    tree.finish()
    reader = CountingReader(tmp_path)
    observe(reader, ("/etc/modprobe.d/reconcile.conf",))
    assert len(reader.read) > 500
    assert [path for path, times in reader.read.items() if times > 1] == []


def test_a_look_does_not_see_what_changes_meanwhile(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("before")
    look = SnapshotReader(TreeReader(tmp_path))
    assert look.read_text("/file") == "before"
    assert look.list("/") == ("file",)
    (tmp_path / "file").write_text("after")
    (tmp_path / "more").touch()
    assert look.read_text("/file") == "before"
    assert look.list("/") == ("file",)
    assert look.exists("/more")


class Denied(CountingReader):
    """May not read anything."""

    def read_bytes(self, path: str, *, optional: bool = False) -> bytes | None:
        """Nothing, or the error."""
        self.read[path] += 1
        if not optional:
            raise NeedsRoot(path)
        return None


def test_what_was_optional_is_still_an_error_for_others(tmp_path: Path) -> None:
    look = SnapshotReader(inner := Denied(tmp_path))
    assert look.read_text("/file", optional=True) is None
    assert look.read_text("/file", optional=True) is None
    with pytest.raises(NeedsRoot):
        look.read_text("/file")
    assert inner.read["/file"] == 2


def test_who_asks_for_what_is_there_shares_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    look = SnapshotReader(inner := CountingReader(tmp_path))
    for optional in (True, False, True):
        assert look.read_text("/file", optional=optional) == "content"
        assert look.read_text("/none", optional=not optional) is None
    assert inner.read["/file"] == 1
