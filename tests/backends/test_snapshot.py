"""One look at a host reads each file once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from backends.reader import TreeReader
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
