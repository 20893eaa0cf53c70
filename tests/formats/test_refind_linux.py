"""refind_linux.conf: read as rEFInd reads it, edited in place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.formats.refind_linux import RefindError, choices, edit_choice, render

# What mkrlconf(8) of rEFInd 0.13.2 writes, and the examples of its documentation.
MKRLCONF = (
    '"Boot with standard options"  "ro root=UUID=084f quiet showopts "\n'
    '"Boot to single-user mode"    "ro root=UUID=084f quiet showopts single"\n'
    '"Boot with minimal options"   "ro root=UUID=084f"\n'
    "# This line is a comment\n"
)
_WORDS = st.lists(
    st.from_regex(r'[a-z]{1,3}(=[a-z%v]{0,3})?|[a-z]="[a-z ]{1,4}"', fullmatch=True), max_size=5
)


def test_mkrlconfs_own_file() -> None:
    found = choices(MKRLCONF)
    assert [c.label for c in found][1:] == ["Boot to single-user mode", "Boot with minimal options"]
    assert found[0].args == ("ro", "root=UUID=084f", "quiet", "showopts")
    assert edit_choice(MKRLCONF, found[0], (), ()) == MKRLCONF
    edited = edit_choice(MKRLCONF, found[0], ["quiet"], ["a=1"])
    assert edited == MKRLCONF.replace("quiet showopts ", "showopts a=1 ", 1)


def test_a_doubled_quote_is_one() -> None:
    (choice,) = choices('"a ""b"""  "root=/dev/sdb9 my_opt=""this is it"""\n')
    assert choice.label == 'a "b"'
    assert choice.args == ("root=/dev/sdb9", 'my_opt="this is it"')


def test_a_version_that_refind_fills_in_is_kept_and_ours_is_not_one() -> None:
    text = '"x" "initrd=i-%v.img a"\n'
    (choice,) = choices(text)
    edited = edit_choice(text, choice, (), ["b=%v"])
    assert edited == '"x" "initrd=i-%v.img a b=%%v"\n'
    assert choices(edited)[0].args[-1] == "b=%v"


@pytest.mark.parametrize("text", ["", "\n", "# x\n\n", "   \t\n", "#", "\r\n"])
def test_lines_without_a_choice(text: str) -> None:
    assert choices(text) == ()


@pytest.mark.parametrize("line", ["x", '"x"', '"x" y', '"x" "y', "x y"])
def test_what_is_no_choice_is_named(line: str) -> None:
    with pytest.raises(RefindError, match="line 2"):
        choices(f'"a" "b"\n{line}\n')


@given(_WORDS, _WORDS)
def test_what_is_written_is_read_and_every_byte_comes_back(
    there: list[str], new: list[str]
) -> None:
    text = render("x", there) + render("y", ["z"])
    first = choices(text)[0]
    assert list(first.args) == there
    added = [w for w in new if w not in there and len({n for n in new if n == w}) == 1]
    added = list(dict.fromkeys(added))
    edited = edit_choice(text, first, (), added)
    assert set(choices(edited)[0].args) >= set(added)
    assert choices(edited)[1].args == ("z",)
    assert edit_choice(edited, choices(edited)[0], (), added) == edited


@given(st.text(max_size=40))
def test_arbitrary_text_is_read_or_refused(text: str) -> None:
    try:
        found = choices(text)
    except RefindError:
        return
    for choice in found:
        assert text[choice.start : choice.end].replace('""', '"') == choice.options
