"""Shell assignment files: what dash and bash read is what is said, and only that is changed."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.formats import cmdline
from backends.formats.kernel_arg import grub_form
from backends.formats.shell.assign import (
    ShellAssignError,
    appending,
    assigned_names,
    evaluate,
    problem,
    quote,
)
from backends.formats.shell.edit import MARK, edit_words, set_value
from tests.formats.samples import read, realworld_files
from tests.formats.shells import SHELLS, names_in, source

DEFAULT, LINUX = "GRUB_CMDLINE_LINUX_DEFAULT", "GRUB_CMDLINE_LINUX"
NEW = ["rc.test=1", 'rc.dyndbg="file a.c +p"', "rc.mem=4G\\$8G"]

# Pieces of shell that meet in files people write, and some that nobody should.
_BITS = st.sampled_from([
    "A=", "B=", '"', "'", "\\", "\n", "\n", " ", "$A", "${A}", "${A:+x}", "${B:-y z}", "${A:=q}",
    "`echo`", "$(true)", "$((A=1))", ")", "{ ", "; }", ";", "&&", "||", "|", "&", "#", "# c\n",
    "if true; then ", "fi\n", "else ", "for A in a b; do ", "done\n", "case x in ", "x) ", ";;",
    "esac\n", "f() ", "f\n", "export ", "<<E\n", "E\n", "<<'E'\n", ">/dev/null", "\\\n", '\\"',
    "quiet", "a b", "~", ":", "é", "\r\n", "! ", "unset A\n", "eval A=1\n", 'A="$A b"\n', "A='x'\n",
    "A=(1 2)\n", "A+=", "return\n", "exit\n", "set -- x\n", "[[ ", "((", "$'", "\udcff",
])  # fmt: skip
SOUP = st.lists(_BITS, max_size=9).map("".join)
TAILS = st.sampled_from(["", "\n", "A=end\n", "B=end", 'A="$B e"\n'])

_TEXT = st.text(st.sampled_from([*"ab =.,-\"'\\$`;#*~", "é", "\udcff"]), max_size=8)


def _single(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _bare(text: str) -> str:
    return "".join(f"\\{c}" if not c.isalnum() and ord(c) < 128 else c for c in text)


QUOTED = st.lists(
    _TEXT.map(quote) | _TEXT.map(_single) | _TEXT.map(_bare) | st.just('"\\\n"') | st.just("${B}"),
    max_size=3,
).map("".join)
LINES = st.one_of(
    st.builds("{}{}={}".format, st.sampled_from(["", "export ", "  "]), st.sampled_from("AB"),
              QUOTED),
    st.just('A="$A c"'), st.just("# A=no 'quote"), st.just(""), st.just("A=x; B=y # \"'"),
)  # fmt: skip
FILES = st.builds(
    lambda lines, newline, last: newline.join(lines) + (newline if last else ""),
    st.lists(LINES, max_size=5), st.sampled_from(["\n", "\n", "\n", "\r\n"]), st.booleans(),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(SOUP, TAILS, st.sampled_from(SHELLS))
def test_a_value_that_is_told_is_the_real_one(soup: str, tail: str, shell: str) -> None:
    text = soup + tail
    real = source(shell, [text], ["A", "B"])
    for name in ("A", "B"):
        value = evaluate([text], name, bash=shell == "bash")
        assert (value.text is None) == bool(value.reason)
        if value.text is not None:
            assert real is not None
            assert value.text == real[name]


@settings(max_examples=120, deadline=None)
@given(FILES, st.sampled_from(SHELLS))
def test_files_of_plain_assignments_are_read_completely(text: str, shell: str) -> None:
    if "export" in text or "\r" in text:
        return  # export splits, a carriage return is a command: not always known
    real = source(shell, [text], ["A", "B"])
    assert real == {n: evaluate([text], n, bash=shell == "bash").text for n in ("A", "B")}


@settings(max_examples=150, deadline=None)
@given(
    FILES | st.builds(str.__add__, SOUP, TAILS),
    st.lists(st.sampled_from(["a", "b", "c", "end", "x"]), max_size=2),
    st.sampled_from(SHELLS),
)
def test_an_edit_changes_the_words_and_nothing_else(
    text: str, remove: list[str], shell: str
) -> None:
    bash = shell == "bash"
    remove = remove if evaluate([text], "A", bash=bash).text is not None else []
    try:
        edited = edit_words(text, "A", remove, NEW, bash=bash)
    except ShellAssignError:
        return
    assert edit_words(edited, "A", remove, NEW, bash=bash) == edited
    names = [n for n in names_in(text) if n != "A"]
    before, after = (source(shell, [t], [*names, "A"]) for t in (text, edited))
    if before is None:
        return  # this shell stops in the file for a reason of its own
    assert after is not None
    assert {n: after[n] for n in names} == {n: before[n] for n in names}
    if "$" not in text and "`" not in text:
        expected = cmdline.edit(cmdline.tokens(before["A"]), remove, NEW)
        assert cmdline.tokens(after["A"]) == expected
    if not remove:
        assert edit_words(edited, "A", NEW, [], bash=bash) == text


@given(_TEXT, st.sampled_from(SHELLS))
@settings(max_examples=40, deadline=None)
def test_quote_is_read_back_as_it_was(value: str, shell: str) -> None:
    assert source(shell, [f"A={quote(value)}"], ["A"]) == {"A": value}
    assert evaluate([f"A={quote(value)}"], "A").text == value


@settings(max_examples=60, deadline=None)
@given(FILES, _TEXT)
def test_set_value_sets_the_value(text: str, value: str) -> None:
    try:
        edited = set_value(text, "A", value)
    except ShellAssignError:
        return
    before, after = (source("dash", [t], ["A", "B"]) for t in (text, edited))
    assert before is not None
    assert after == {"A": value, "B": before["B"]}
    assert set_value(edited, "A", value) == edited


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('A="quiet"\n', 'A="quiet N"\n'),
        ("A='quiet'\n", "A='quiet N'\n"),
        ("A=quiet\n", "A=quiet\\ N\n"),
        ('A=""', 'A="N"'),
        ("A=", "A=N"),
        ("A=''\n", "A='N'\n"),
        ('A="a  b "\r\n', 'A="a  b N "\r\n'),
        ('A="a \\\n  b"\n', 'A="a \\\n  b N"\n'),
        ('A="quiet" #x=1" #y"\n', 'A="quiet N" #x=1" #y"\n'),
        ("export A='a'b\n", "export A='a'b\\ N\n"),
        ('A="x"\nA="y"\n', 'A="x"\nA="y N"\n'),
        ('A="x"\nA="$A y"\n', 'A="x"\nA="$A y N"\n'),
        ('A="$EXTRA"\n', 'A="$EXTRA N"\n'),
        ('A="${EXTRA}"\n', 'A="${EXTRA} N"\n'),
        ('A="a -- b"\n', 'A="a N -- b"\n'),
        ('A="$(cat /x)"\n', 'A="$(cat /x) N"\n'),
        ('A="x"; B=1\n', 'A="x N"; B=1\n'),
        ("#A=x\n", f'#A=x\nA="N" {MARK}\n'),
        ("# no end", f'# no end\nA="N" {MARK}'),
        ("#\r\n", f'#\r\nA="N" {MARK}\r\n'),
        ("", f'A="N" {MARK}\n'),
        ('A="x"\nB="$A y"\n', f'A="x"\nB="$A y"\nA="$A N" {MARK}\n'),
        ('A=x\nif true; then A=y; fi\n', f'A=x\nif true; then A=y; fi\nA="$A N" {MARK}\n'),
        ('A=x\n[ -n "$A" ] && B=1\n', f'A=x\n[ -n "$A" ] && B=1\nA="$A N" {MARK}\n'),
        (". /etc/other\n", f'. /etc/other\nA="$A N" {MARK}\n'),
    ],
)  # fmt: skip
def test_where_a_word_goes_and_that_it_goes_again(before: str, after: str) -> None:
    assert edit_words(before, "A", [], ["N"]) == after
    assert edit_words(after, "A", [], ["N"]) == after
    assert edit_words(after, "A", ["N"], []) == before


def test_a_word_is_taken_out_of_the_assignment_it_stands_in() -> None:
    assert edit_words('A="x y"\nA="$A z"\n', "A", ["y"], []) == 'A="x"\nA="$A z"\n'
    assert edit_words("A='a b c'", "A", ["b"], []) == "A='a c'"
    assert edit_words("A=\"a 1\"2' b'", "A", ["12"], []) == "A=\"a\"' b'"


@pytest.mark.parametrize(
    ("text", "remove", "line"),
    [
        ('M="x y"\nA="$M z"\n', ["x"], "line 1"),
        ("A=quiet splash\n", [], "line 1: without quotes"),
        ("A+=' x'\n", [], "line 1: += is known to bash"),
        ('B=1\nA="x\n', [], "line 2: a quote"),
        ("A=1\nreturn\n", [], "line 2: return"),
        ("if true; then\nA=1\n", [], "line 1: what begins here"),
        ('A="x y"\nB="$A"\n', ["x"], "changing more"),
    ],
)
def test_what_cannot_be_edited_safely_is_refused_with_its_line(
    text: str, remove: list[str], line: str
) -> None:
    with pytest.raises(ShellAssignError, match=line.replace("+", r"\+")):
        edit_words(text, "A", remove, ["N"])


def test_bash_appends() -> None:
    text = "A=x\nA+=' y'\n"
    assert evaluate([text], "A", bash=True).text == "x y"
    assert edit_words(text, "A", [], ["N"], bash=True) == "A=x\nA+=' y N'\n"


def test_earlier_files_count() -> None:
    first, second = 'A="a"\n', 'A="$A b"\n'
    assert evaluate([first, second], "A").text == "a b"
    assert edit_words(second, "A", [], ["a"], earlier=[first]) == second
    assert edit_words("", "A", [], ["c"], earlier=[first]) == f'A="$A c" {MARK}\n'
    with pytest.raises(ShellAssignError, match="earlier file"):
        edit_words(second, "A", ["a"], [], earlier=[first])


def test_what_the_environment_gives() -> None:
    assert evaluate(['A="$X y"'], "A", {"X": "x"}).text == "x y"
    assert evaluate(['A="$NOBODY y"'], "A").text == " y"
    value = evaluate(["A=1\nA=$HOME"], "A")
    assert (value.text, value.reason) == (None, "$HOME is not set in these files")
    assert "line 2" in evaluate(["\nA=`x`"], "A").reason


def test_a_drop_in_that_appends() -> None:
    line = appending("A", ["iommu=pt", grub_form("memmap=4G$8G")])
    assert line == 'A="$A iommu=pt memmap=\\"4G\\\\\\$8G\\""'
    for shell in SHELLS:
        assert source(shell, ["A=quiet\n", line], ["A"]) == {"A": 'quiet iommu=pt memmap="4G\\$8G"'}


def test_os_release_and_names() -> None:
    text = "NAME=\"Debian GNU/Linux\"\nID=debian\nID_LIKE='a b'\n"
    assert evaluate([text], "ID_LIKE").text == "a b"
    assert assigned_names(text) == ("NAME", "ID", "ID_LIKE")
    assert problem(text) is None


@pytest.mark.parametrize("value", ["a\nb", "\x00", "a\x7f"])
def test_control_characters_are_not_quoted(value: str) -> None:
    with pytest.raises(ShellAssignError):
        quote(value)


@pytest.mark.parametrize(
    "text",
    [
        'A="$A a"\n' * 12_000, 'A="$A$A"\n' * 12_000, "A='x y'\n" * 16_000, "(" * 100_000,
        'A="' + "x " * 80_000 + '"', "$(" * 60_000, "${A:-" * 20_000, "#" * 200_000,
        "A=" + '"a"b' * 30_000, "if a; then " * 12_000, "\\\n" * 60_000, "A=`" * 40_000,
    ],
    ids=range(12),
)  # fmt: skip
def test_a_fifth_of_a_megabyte_takes_a_fraction_of_a_second(text: str) -> None:
    start = time.process_time()
    evaluate([text], "A")
    assert time.process_time() - start < 1.5


@pytest.mark.realworld
@pytest.mark.parametrize("path", realworld_files("grub"))
def test_real_files(path: Path) -> None:
    text = read(path)
    names = names_in(text)
    for shell in SHELLS:
        real = source(shell, [text], names)
        for name in names if real else []:
            told = evaluate([text], name, bash=shell == "bash").text
            assert real is not None
            assert told in (None, real[name])
    if problem(text) is not None:
        for name in (DEFAULT, LINUX):
            assert evaluate([text], name).text is None or not re.search(rf"\b{name}\b", text)
        return
    for name in (DEFAULT, LINUX):
        _check_real_edit(text, name, names)


def _check_real_edit(text: str, name: str, names: list[str]) -> None:
    edited = edit_words(text, name, [], NEW)
    assert edit_words(edited, name, [], NEW) == edited
    assert edit_words(edited, name, NEW, []) == text
    for shell in SHELLS:
        before, after = (source(shell, [t], sorted({*names, name})) for t in (text, edited))
        assert before is not None
        assert after is not None
        words = cmdline.edit(cmdline.tokens(before[name]), [], NEW)
        assert cmdline.tokens(after.pop(name)) == words
        before.pop(name)
        assert after == before
