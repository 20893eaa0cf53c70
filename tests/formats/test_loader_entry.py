"""Loader entries: two boot loaders read one file differently."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.formats import cmdline
from backends.formats.cmdline import CmdlineError
from backends.formats.loader_entry import LoaderEntryError, edit_options, fields, options, values
from tests.formats.samples import read, realworld_files

FEDORA = (
    "title Fedora\nversion 6.1\nlinux /vmlinuz\ninitrd /i.img $tuned_initrd\n"
    "options $kernelopts $tuned_params a\ngrub_users $grub_users\n"
)
_WORDS = st.sampled_from(["quiet", 'd="a b"', "$kernelopts", "--", "x", '"y z"', "\t", " "])
_LINES = st.one_of(
    st.lists(_WORDS, max_size=4).map(lambda w: "options " + " ".join(w)),
    st.sampled_from(["title T", "linux /l", "# c", "", "  options a", "options\tb", "initrd\t/i",
                     'options "q w"', "options 'q'", "options", "efi \udcff", " #x y"]),
)  # fmt: skip
ENTRIES = st.builds(
    lambda lines, newline, last: newline.join(lines) + (newline if last else ""),
    st.lists(_LINES, max_size=6), st.sampled_from(["\n", "\n", "\r\n"]), st.booleans(),
)  # fmt: skip
NEW = ["iommu=pt", 'n="p q"']


@given(ENTRIES, st.lists(st.sampled_from(["quiet", "x", "a", "b", "q"]), max_size=2), st.booleans())
def test_an_edit_is_read_as_wanted_and_twice_is_once(
    text: str, remove: list[str], grub: bool
) -> None:
    try:
        edited = edit_options(text, remove, NEW, grub=grub)
    except (LoaderEntryError, CmdlineError):
        return
    before = cmdline.tokens(" ".join(values(text, "options", grub=grub)[: 1 if grub else None]))
    after = cmdline.tokens(" ".join(values(edited, "options", grub=grub)[: 1 if grub else None]))
    assert after == cmdline.edit(before, remove, NEW)
    assert edit_options(edited, remove, NEW, grub=grub) == edited
    others = [(f.key, f.value) for f in fields(text, grub=grub) if f.key != "options"]
    assert others == [(f.key, f.value) for f in fields(edited, grub=grub) if f.key != "options"]


@given(ENTRIES)
def test_undo_gives_the_entry_back(text: str) -> None:
    edited = None
    with contextlib.suppress(LoaderEntryError, CmdlineError):
        edited = edit_options(text, [], NEW)
    if edited is not None:
        assert edit_options(edited, NEW, []) in (text, _without_empty_options(text))


def _without_empty_options(text: str) -> str:
    lines = [line for line in text.split("\n") if line.strip(" \t\r\"'") != "options"]
    return "\n".join(lines)


def test_systemd_boot_joins_and_grub_takes_the_first() -> None:
    text = "linux /l\n\noptions  a b\n# c\n  options\tc\n"
    assert options(text) == ("a", "b", "c")
    assert options(text, grub=True) is None, "a blank line ends the file"
    text = text.replace("\n\n", "\n")
    assert options(text, grub=True) == ("a", "b")
    assert edit_options(text, ["a", "c"], ["d"]) == "linux /l\noptions  b d\n# c\n"
    assert edit_options(text, ["a"], ["d"], grub=True) == text.replace("a b", "b d")


def test_variables_stay_and_are_filled_in() -> None:
    assert edit_options(FEDORA, [], ["iommu=pt"], grub=True) == FEDORA.replace(
        "params a", "params a iommu=pt"
    )
    variables = {"kernelopts": "root=/dev/sda1 ro"}
    assert options(FEDORA, grub=True, variables=variables) == ("root=/dev/sda1", "ro", "a")


def test_twenty_options_lines() -> None:
    text = "linux /l\n" + "".join(f"options  p{n}=1\n" for n in range(20))
    edited = edit_options(text, ["p3=1"], ["n"])
    assert edited == text.replace("options  p3=1\n", "").replace("p19=1", "p19=1 n")


def test_a_value_in_quotes() -> None:
    assert options('options "a b"\n') == ("a", "b")
    assert edit_options('options "a b"\n', ["a"], ["c"]) == 'options "b c"\n'
    with pytest.raises(LoaderEntryError, match="cannot be edited"):
        edit_options('options "a=b c" x\n', ["x"], [])


def test_a_missing_options_line_is_added_and_removed_again() -> None:
    for before, after in [
        ("title   T\nlinux   /l\nsort-key x\n", "title   T\nlinux   /l\noptions n\nsort-key x\n"),
        ("linux      /l\r\n", "linux      /l\r\noptions    n\r\n"),
        ("linux\t/l", "linux\t/l\noptions\tn"),
    ]:
        assert edit_options(before, [], ["n"]) == after
        assert edit_options(after, ["n"], []) == before


def test_what_grub_would_misread_is_refused() -> None:
    with pytest.raises(LoaderEntryError, match="default_kernelopts"):
        edit_options("linux /l\n", [], ["n"], grub=True)
    with pytest.raises(LoaderEntryError, match="without words"):
        edit_options("options n\nlinux /l\n", ["n"], [], grub=True)
    with pytest.raises(LoaderEntryError, match="nothing to boot"):
        edit_options("", [], ["n"])
    assert options("options\troot=1 ro\n", grub=True) is None, "the key ends at the first space"


@given(st.text())
def test_arbitrary_text_is_read(text: str) -> None:
    for grub in (False, True):
        for field in fields(text, grub=grub):
            assert field.key


def test_time_is_linear() -> None:
    start = time.process_time()
    text = "options a b\n" * 20_000
    assert len(options(edit_options(text, ["a"], ["c"])) or ()) == 20_001
    fields(" " * 200_000)
    assert time.process_time() - start < 3


@pytest.mark.realworld
@pytest.mark.parametrize("path", realworld_files("bootentries/entries"))
def test_real_entries(path: Path) -> None:
    text = read(path)
    assert options(text)
    new = ["rc.test=1", 'rc.d="x y"', "hugepagesz=7M", "hugepages=1"]
    edited = edit_options(text, [], new)
    assert options(edited) == cmdline.edit(options(text) or (), [], new)
    assert edit_options(edited, [], new) == edited
    assert edit_options(edited, new, []) == text
    assert edit_options(text, [], []) == text


@pytest.mark.realworld
@pytest.mark.parametrize("path", realworld_files("bootentries/loader-conf"))
def test_real_loader_conf(path: Path) -> None:
    found = fields(read(path))
    assert found
    assert {f.key for f in found} <= {"timeout", "default", "editor", "console-mode",
                                      "secure-boot-enroll"}  # fmt: skip
