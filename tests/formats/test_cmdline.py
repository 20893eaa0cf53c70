"""Reading and editing the kernel command line, against a letter-by-letter next_arg()."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.formats import cmdline
from tests.formats.samples import read, realworld_files

# Quotes, separators, odd white space (0xA0 is a space to the kernel) and raw bytes.
_LETTERS = st.sampled_from([*'ab-_=." \t\n\v', "à", "\u00a0", "\udcff", "--", "=1"])
LINES = st.lists(_LETTERS, max_size=40).map("".join)
NAMES = st.sampled_from(["quiet", "iommu", "vfio-pci.ids", "vfio_pci.ids", "console", "x"])
HUGE = st.sampled_from(
    ["default_hugepagesz=1G", "hugepagesz=2M", "hugepagesz=1G", "hugepages=4", "hugepages=8"]
)
WORDS = st.one_of(
    st.builds("{}={}".format, NAMES, st.sampled_from(["a", "b", '"b c"', "1,2"])), NAMES, HUGE
)
WORD_LISTS = st.lists(WORDS, max_size=8)


def next_args(text: str) -> list[tuple[str, str | None]]:
    """The kernel's parse_args() and next_arg(), one byte after the other."""
    data = text.encode("utf-8", "surrogateescape").decode("latin-1")
    space = " \t\n\v\f\r\xa0"
    out: list[tuple[str, str | None]] = []
    at = 0
    while at < len(data):
        if data[at] in space:
            at += 1
            continue
        quoted = in_quote = data[at] == '"'
        at += quoted
        start, equals = at, 0
        while at < len(data) and (in_quote or data[at] not in space):
            if equals == 0 and data[at] == "=":
                equals = at - start
            if data[at] == '"':
                in_quote = not in_quote
            at += 1
        param, val = data[start:at], None
        if equals:
            val, param = param[equals + 1 :], param[:equals]
            closed = val.endswith('"')
            if val.startswith('"'):
                val = val[1:-1] if closed and len(val) > 1 else val[1:]
            elif quoted and closed:
                val = val[:-1]
        elif quoted and param.endswith('"'):
            param = param[:-1]
        out.append((param, val))
    return out


def raw(text: str | None) -> str | None:
    return None if text is None else text.encode("utf-8", "surrogateescape").decode("latin-1")


@given(LINES)
def test_words_are_those_of_the_kernel(line: str) -> None:
    words = cmdline.tokens(line)
    assert [(raw(cmdline.name_of(w)), raw(cmdline.value_of(w))) for w in words] == next_args(line)


@given(LINES)
def test_joined_words_are_the_same_words(line: str) -> None:
    assert cmdline.tokens(cmdline.join(cmdline.tokens(line))) == cmdline.tokens(line)


@given(WORD_LISTS, WORD_LISTS, WORD_LISTS)
def test_an_edit_reaches_its_end_and_stays_there(
    words: list[str], remove: list[str], add: list[str]
) -> None:
    once = cmdline.edit(words, remove, add)
    assert cmdline.edit(once, remove, add) == once
    assert cmdline.tokens(cmdline.join(once)) == once
    for name in {cmdline.normal_name(cmdline.name_of(w)) for w in add}:
        mine = [w for w in add if cmdline.same_name(w, name)]
        there = iter(w for w in once if cmdline.same_name(w, name))
        assert all(any(cmdline.same(w, t) for t in there) for w in mine), "in order"
    if block := cmdline.hugepage_words(add):
        assert cmdline.hugepage_words(once) == block


@given(WORD_LISTS, WORD_LISTS, WORD_LISTS)
def test_words_of_others_keep_their_order_and_number(
    words: list[str], remove: list[str], add: list[str]
) -> None:
    def others(line: tuple[str, ...] | list[str]) -> list[str]:
        mine = [*remove, *add]
        return [
            w
            for w in line
            if not any(cmdline.same(w, m) for m in mine) and not cmdline.hugepage_words([w])
        ]

    assert others(cmdline.edit(words, remove, add)) == others(words)


@given(WORD_LISTS, WORD_LISTS)
def test_removing_what_was_added_gives_the_line_back(words: list[str], add: list[str]) -> None:
    new = [w for w in add if not cmdline.same_name(w, "hugepages") and "hugepagesz" not in w]
    new = [w for w in new if not any(cmdline.same_name(w, v) for v in words)]
    assert cmdline.edit(cmdline.edit(words, [], new), new, []) == tuple(words)


@given(LINES, WORD_LISTS, WORD_LISTS)
def test_text_edits_and_word_edits_agree(line: str, remove: list[str], add: list[str]) -> None:
    words = cmdline.tokens(line)
    if line.count('"') % 2 and add:
        return
    edited = cmdline.edit_text(line, remove, add)
    assert cmdline.tokens(edited) == cmdline.edit(words, remove, add)
    if cmdline.tokens(edited) == words:
        assert edited == line


def test_white_space_of_the_others_stays() -> None:
    assert cmdline.edit_text("  a\t b  c \n", ["b"], ["d"]) == "  a  c d \n"
    assert cmdline.edit_text("a  b", ["a"], []) == "b"
    assert cmdline.edit_text("", [], ["x", "y"]) == "x y"
    assert cmdline.edit_text("x y", ["x", "y"], []) == ""


@pytest.mark.parametrize("word", ["x=à", "x=\udcff", "é", "x=ā"], ids=range(4))
def test_bytes_beyond_ascii_are_kept(word: str) -> None:
    line = f"{word} quiet"
    assert cmdline.edit_text(line, ["quiet"], ["n"]) == f"{word} n"
    assert cmdline.edit_text(line, [], []) == line
    assert cmdline.edit(cmdline.tokens(line), [], ["n"])[-1] == "n"


def test_new_words_stand_before_those_of_init() -> None:
    assert cmdline.edit(("a", "--", "b", "quiet"), ["b"], ["quiet"]) == (
        "a", "quiet", "--", "b", "quiet",
    )  # fmt: skip
    assert cmdline.before_dashdash(("a", "---", "b")) == (("a", "---", "b"), ())


def test_a_changed_value_takes_the_place_of_the_old_one() -> None:
    line = ("quiet", "isolcpus=2-3", "splash")
    assert cmdline.edit(line, ["isolcpus=2-3"], ["isolcpus=2-7"]) == (
        "quiet", "isolcpus=2-7", "splash",
    )  # fmt: skip


def test_names_match_across_dash_and_underscore_values_do_not() -> None:
    assert cmdline.edit(("vfio_pci.ids=1:2",), [], ["vfio-pci.ids=1:2"]) == ("vfio_pci.ids=1:2",)
    assert not cmdline.same("a=x-y", "a=x_y")
    assert not cmdline.same("isolcpus=2", "isolcpus=2-7"), "never a part of a word"


def test_repeats_and_their_order_mean_something() -> None:
    both = ["console=tty0", "console=ttyS0"]
    assert cmdline.edit(("console=ttyS0", "q", "console=tty0"), [], both) == (
        "q", "console=tty0", "console=ttyS0",
    )  # fmt: skip
    assert cmdline.edit(("x", "x"), [], ["x"]) == ("x", "x")


def test_hugepages_are_replaced_as_one_block_where_they_stood() -> None:
    line = ("a", "hugepagesz=2M", "hugepages=64", "b", "hugepages=1")
    add = ["default_hugepagesz=1G", "hugepagesz=1G", "hugepages=16"]
    assert cmdline.edit(line, [], add) == ("a", *add, "b")


def test_a_page_count_is_removed_only_behind_its_size() -> None:
    line = ("hugepagesz=2M", "hugepages=4", "hugepagesz=1G", "hugepages=4")
    assert cmdline.edit(line, ["hugepagesz=1G", "hugepages=4"], []) == line[:2]


def test_patterns() -> None:
    line = ("mitigations=off", "mitigations", "mitigations=auto")
    assert cmdline.matching(line, "mitigations") == line
    assert cmdline.matching(line, "mitigations=off") == line[:1]


@pytest.mark.parametrize("line", ['a "b c', 'x="'])
def test_an_open_quote_would_swallow_new_words(line: str) -> None:
    with pytest.raises(cmdline.CmdlineError, match="not closed"):
        cmdline.edit_text(line, [], ["new"])


@pytest.mark.parametrize("word", ["a b", "", "--", '"', 'a="', "a\nb"])
def test_what_is_not_one_word_is_no_argument(word: str) -> None:
    with pytest.raises(cmdline.CmdlineError, match="not one kernel argument"):
        cmdline.edit((), [], [word])


def test_the_limit_counts_bytes() -> None:
    assert cmdline.excess_bytes("x" * 2047) == 0
    assert cmdline.excess_bytes("x" * 2047 + "ä") == 2


def test_a_megabyte_takes_about_a_second() -> None:
    line = " ".join(f"a{n}=1" for n in range(100_000))
    start = time.process_time()
    edited = cmdline.edit_text(line, ["a5=1"], ["b"])
    assert time.process_time() - start < 3
    assert len(edited) == len(line) - 5 + 2
    quotes = '"' * 1_000_001
    assert len(cmdline.tokens(quotes)) == 1


@pytest.mark.realworld
@pytest.mark.parametrize(
    "path", realworld_files("dmesg/proc-cmdline", "bootentries/kernel-cmdline")
)
def test_real_command_lines_are_edited_and_restored(path: Path) -> None:
    text = read(path)
    new = ["iommu=pt-test", "hugepagesz=7M", "hugepages=7"]
    edited = cmdline.edit_text(text, [], new)
    assert cmdline.edit_text(edited, [], new) == edited
    assert cmdline.edit_text(edited, new, []) == text
    assert cmdline.edit_text(text, [], []) == text
