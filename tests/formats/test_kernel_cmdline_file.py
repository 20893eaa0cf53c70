"""/etc/kernel/cmdline: one file, three ways to read it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.formats import cmdline
from backends.formats.cmdline import CmdlineError
from backends.formats.kernel_cmdline_file import (
    ReadBy,
    as_one_line,
    edit_cmdline_file,
    is_plain,
    read_cmdline_file,
)
from tests.formats.samples import read, realworld_files

FILES = st.lists(
    st.sampled_from(["quiet", "a=1 b", "# it's art", "#", "\n", "\n", " ", "\t", "--", "x\r\n"]),
    max_size=10,
).map("".join)
NEW = ["iommu=pt", 'n="p q"']


@given(FILES, st.lists(st.sampled_from(["quiet", "b", "x", "a=1"]), max_size=2),
       st.sampled_from(ReadBy))  # fmt: skip
def test_an_edit_is_read_as_wanted(text: str, remove: list[str], read_by: ReadBy) -> None:
    edited = edit_cmdline_file(text, remove, NEW, read_by)
    wanted = cmdline.edit(read_cmdline_file(text, read_by), remove, NEW)
    assert read_cmdline_file(edited, read_by) == wanted
    assert edit_cmdline_file(edited, remove, NEW, read_by) == edited
    assert [c for c in text.split("\n") if c.startswith("#")] == [
        c for c in edited.split("\n") if c.startswith("#")
    ] or read_by is not ReadBy.UNCOMMENTED


@given(FILES, st.sampled_from(ReadBy))
def test_one_line_is_read_alike_by_all(text: str, read_by: ReadBy) -> None:
    one = as_one_line(text, read_by)
    words = read_cmdline_file(text, read_by)
    if not words or not words[0].startswith("#"):
        assert {read_cmdline_file(one, other) for other in ReadBy} == {words}


def test_who_reads_what() -> None:
    text = "# art\nroot=1 quiet\n  # indented\nro\n"
    assert read_cmdline_file(text, ReadBy.FIRST_LINE) == ("#", "art")
    assert read_cmdline_file(text, ReadBy.UNCOMMENTED) == (
        "root=1", "quiet", "#", "indented", "ro",
    )  # fmt: skip
    assert not is_plain(text)
    assert is_plain("root=1 ro\n")
    assert is_plain("")
    assert not is_plain("#\n")


def test_where_words_go() -> None:
    edit = edit_cmdline_file
    assert edit("a b\nc", ["c"], ["n"], ReadBy.UNCOMMENTED) == "a b n\n"
    assert edit("a b\n# x\n", [], ["n"], ReadBy.UNCOMMENTED) == "a b n\n# x\n"
    assert edit("a\nb\n", [], ["n"], ReadBy.FIRST_LINE) == "a n\nb\n"
    assert edit("# x", [], ["n"], ReadBy.UNCOMMENTED) == "# x\nn"
    assert edit("", [], ["n"], ReadBy.JOINED) == "n\n"
    assert edit("", ["n"], [], ReadBy.JOINED) == ""
    assert edit("\nb\n", [], ["n"], ReadBy.FIRST_LINE) == "n\nb\n"
    with pytest.raises(CmdlineError):
        edit('a "b', [], ["n"], ReadBy.JOINED)


@given(st.text(), st.sampled_from(ReadBy))
def test_arbitrary_text_is_read(text: str, read_by: ReadBy) -> None:
    assert edit_cmdline_file(text, [], [], read_by) == text


@pytest.mark.realworld
@pytest.mark.parametrize("read_by", ReadBy)
@pytest.mark.parametrize("path", realworld_files("bootentries/kernel-cmdline"))
def test_real_files(path: Path, read_by: ReadBy) -> None:
    text = read(path)
    edited = edit_cmdline_file(text, [], NEW[1:], read_by)
    assert edit_cmdline_file(edited, [], NEW[1:], read_by) == edited
    assert edit_cmdline_file(edited, NEW[1:], [], read_by) == text
