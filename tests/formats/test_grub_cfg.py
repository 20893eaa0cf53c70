"""grub.cfg and GRUB's words: against grub-script-check, and GRUB's own parser in grub-emu."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.formats import cmdline
from backends.formats.grub import words as grub_words
from backends.formats.grub.cfg import parse_grub_cfg
from backends.formats.grub.words import GrubScriptError, kernel_line, words
from backends.formats.kernel_arg import check_arg, grub_form, kernel_form

CASE = Path(__file__).parent / "grub_cfg" / "debian" / "grub.cfg"
PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
ARGS = st.builds("name={}".format, PRINTABLE) | st.builds('name="{}"'.format, PRINTABLE)
SOUP = st.lists(
    st.sampled_from([*"ab \"'\\$#=*!(`,\n;{}|&<", "$x", "${x}", "\\\n", "é", "\udcff"]), max_size=9
).map("".join)


def tool(name: str) -> str:
    """A program of GRUB's packages; where CI is set it has to be there."""
    found = shutil.which(name)
    if not found and not os.environ.get("CI"):
        pytest.skip(f"{name} is not installed")
    assert found, f"{name} is not installed"
    return found


def accepted(text: str) -> bool:
    data = text.encode("utf-8", "surrogateescape")
    return subprocess.run([tool("grub-script-check")], input=data, check=False,
                          capture_output=True).returncode == 0  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(SOUP)
def test_one_line_is_accepted_if_grub_accepts_it(text: str) -> None:
    line = f"menuentry x {{\n linux /k {text}\n}}\n"
    try:
        found = parse_grub_cfg(line)
    except GrubScriptError:
        found = None
    if found is None or not any(c in text for c in ";\n"):
        assert (found is not None) == accepted(line)


@given(SOUP)
def test_arbitrary_text_is_read_or_refused(text: str) -> None:
    where = "line 1"
    try:
        parse_grub_cfg(text)
    except GrubScriptError as error:
        where = error.where
    assert where.startswith("line ")


@settings(max_examples=150, deadline=None)
@given(ARGS)
def test_an_allowed_argument_reaches_the_kernel(arg: str) -> None:
    if check_arg(arg) is not None:
        return
    grub_sees = words(grub_form(arg))
    assert len(grub_sees) == 1
    (arrived,) = cmdline.tokens(kernel_line(grub_sees))
    assert cmdline.same(arrived, arg)


def test_words_are_those_of_a_running_grub(tmp_path: Path) -> None:
    texts = [
        'a="b c"', "a='b c'", 'memmap=4G\\$8G', "x;y".replace(";", "\\;"), '"d\\$x" \'q"q\'',
        "$x", "y$x", '"y$x"', "$y", '"$y"', "end\\ d", "[!(`#~", "a\\\\b", '"a\\b"', "é#x",
        'e"f"\'g\'', "${x}z", "a\\\nb",
        *map(grub_form, ["p=4G$8G", 'a="!Windows 2012"', "c=1@0:3;2@0:4", "g=*?[x]", "h=a&b|c<d"]),
    ]  # fmt: skip
    script = ['set x="p q"', 'set y=""']
    script += [f'for w in {t}\ndo echo "{i}<$w>"; done' for i, t in enumerate(texts)]
    (tmp_path / "grub.cfg").write_text("\n".join([*script, "exit", ""]))
    argv = [tool("script"), "-qc", f"{tool('grub-emu')} -d {tmp_path}", "/dev/null"]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False,
                          timeout=60, env={**os.environ, "TERM": "dumb"})  # fmt: skip
    real: dict[int, list[str]] = {i: [] for i in range(len(texts))}
    for number, word in re.findall(r"(\d+)<(.*?)>\r", done.stdout.decode()):
        real[int(number)].append(word)
    mine = {i: list(words(t, {"x": "p q"})) for i, t in enumerate(texts)}
    assert mine == real


def test_a_debian_file() -> None:
    cfg = parse_grub_cfg(CASE.read_text())
    assert [(e.title, e.id, e.path, e.recovery) for e in cfg.entries] == [
        ("Debian GNU/Linux", "gnulinux-simple-1111", (), False),
        ("Debian GNU/Linux, with Linux 6.1.0-9-amd64", "gnulinux-6.1.0-9-amd64-advanced-1111",
         ("gnulinux-advanced-1111",), False),
        ("Debian GNU/Linux, with Linux 6.1.0-9-amd64 (recovery mode)",
         "gnulinux-6.1.0-9-amd64-recovery-1111", ("gnulinux-advanced-1111",), True),
        ("Debian GNU/Linux, with Xen hypervisor", "xen-gnulinux-simple-1111", (), False),
        ("UEFI Firmware Settings", "uefi-firmware", (), False),
    ]  # fmt: skip
    first, xen, firmware = cfg.entries[0], cfg.entries[3], cfg.entries[4]
    assert first.kernel == "/boot/vmlinuz-6.1.0-9-amd64"
    assert first.args == ("root=UUID=1111", "ro", "quiet", "memmap=4G$8G", '"dyndbg=file a.c +p"')
    assert first.initrds == ("/boot/initrd.img-6.1.0-9-amd64",)
    assert (xen.hypervisor, xen.hypervisor_args) == ("/boot/xen-4.17-amd64.gz", ("dom0_mem=1G",))
    assert (xen.kernel, xen.args, xen.initrds) == (
        "/boot/vmlinuz-6.1.0-9-amd64", ("root=/dev/sda1", "ro"), ("/boot/initrd.img-6.1.0-9-amd64",)
    )  # fmt: skip
    assert (firmware.kernel, firmware.args, firmware.initrds) == (None, (), ())
    assert cfg.defaults == ("${next_entry}", "0")
    assert not cfg.blscfg
    assert accepted(CASE.read_text())


def test_a_fedora_stub_and_grubenv() -> None:
    text = "insmod blscfg\nblscfg\nmenuentry 'x' { linux /k $kernelopts 'a b' ; initrd /i /j }\n"
    cfg = parse_grub_cfg(text, {"kernelopts": "root=UUID=1 ro  quiet"})
    assert cfg.blscfg
    assert cfg.entries[0].args == ("root=UUID=1", "ro", "quiet", '"a b"')
    assert cfg.entries[0].initrds == ("/i", "/j")


def test_a_trailing_backslash_swallows_the_next_line() -> None:
    cfg = parse_grub_cfg("menuentry x {\n linux /k a \\\n initrd /i\n}\n")
    assert (cfg.entries[0].args, cfg.entries[0].initrds) == (("a", "initrd", "/i"), ())


@pytest.mark.parametrize("text", ["a { \n", "}", "a 'b", 'a "b', "a & b", "x $", 'x "$"', "x \\"])
def test_what_grub_refuses_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(GrubScriptError):
        parse_grub_cfg(text)


@pytest.mark.parametrize(
    "text",
    ["menuentry a {\nlinux /k b\n}\n" * 4000, "submenu a {\n" * 15_000, "'" * 200_001,
     "linux " + "a " * 40_000, '"' + "\\\\" * 100_000, "$x" * 100_000],
    ids=range(6),
)  # fmt: skip
def test_time_is_linear(text: str) -> None:
    start = time.process_time()
    with contextlib.suppress(GrubScriptError):
        parse_grub_cfg(text)
    assert time.process_time() - start < 2


def test_more_than_one_command_is_not_words() -> None:
    assert words("a b") == ("a", "b")
    for text in ("a;b", "a {b;}"):
        with pytest.raises(GrubScriptError):
            words(text)
    assert grub_words.words("# only") == ()
    assert kernel_form('"a=b c"') == 'a="b c"'
