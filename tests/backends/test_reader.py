"""Reading: everything stays inside the root, and a capture answers as the host did."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.reader import CaptureError, Reader, TreeReader
from backends.recorded import CaptureReader, RecordingReader


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small root beside a secret that no link may reach."""
    (tmp_path / "secret").write_text("outside")
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/real").write_text("inside")
    (root / "secret").write_text("inside too")
    return root


@pytest.mark.parametrize(
    ("link", "content"),
    [
        ("/etc/real", "inside"),
        ("real", "inside"),
        ("../etc/real", "inside"),
        ("../../../../secret", "inside too"),
        ("/../../secret", "inside too"),
    ],
)
def test_links_stay_inside(tree: Path, link: str, content: str) -> None:
    (tree / "etc/link").symlink_to(link)
    assert TreeReader(tree).read_text("/etc/link") == content


def test_linked_folder_stays_inside(tree: Path) -> None:
    (tree / "lib").symlink_to("/etc")
    (tree / "chain").symlink_to("lib")
    reader = TreeReader(tree)
    assert reader.read_text("/chain/real") == "inside"
    assert reader.realpath("/chain/real") == "/etc/real"
    assert reader.list("/chain") == ("real",)


def test_a_link_to_itself_is_absent(tree: Path) -> None:
    (tree / "loop").symlink_to("loop")
    reader = TreeReader(tree)
    assert reader.read_text("/loop") is None
    assert not reader.exists("/loop")


def test_a_fifo_does_not_block(tree: Path) -> None:
    os.mkfifo(tree / "etc/fifo")
    assert TreeReader(tree).read_bytes("/etc/fifo") is None


@given(st.lists(st.sampled_from(["..", ".", "etc", "real", "link", ""]), max_size=8))
def test_no_path_leaves_the_root(parts: list[str]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        root = Path(name, "root")
        (root / "etc").mkdir(parents=True)
        (root / "etc/link").symlink_to("/" + "/".join(parts))
        with contextlib.suppress(OSError):  # ELOOP
            where = TreeReader(root).locate("/" + "/".join(parts) + "/etc/link")
            assert os.path.realpath(os.path.dirname(where)).startswith(os.path.realpath(root))


def test_capture_answers_as_the_host(tree: Path) -> None:
    (tree / "etc/bytes").write_bytes(b"\xff\x00")
    (tree / "etc/link").symlink_to("real")
    recorder = RecordingReader(TreeReader(tree))
    calls: list[Callable[[Reader], object]] = [
        lambda r: r.read_text("/etc/real"),
        lambda r: r.read_bytes("/etc/bytes"),
        lambda r: r.read_text("/etc/none"),
        lambda r: r.list("/etc"),
        lambda r: r.readlink("/etc/link"),
        lambda r: r.realpath("/etc/link"),
        lambda r: r.exists("/etc/none"),
        lambda r: r.stat("/etc/real"),
        lambda r: r.output(["virsh", "list"]),
    ]
    live = [call(recorder) for call in calls]
    capture = CaptureReader(recorder.nodes, recorder.programs)
    assert [call(capture) for call in calls] == live


def test_a_gap_in_a_capture_is_an_error() -> None:
    with pytest.raises(CaptureError, match="does not hold"):
        CaptureReader({}, []).read_text("/proc/self/mountinfo")
