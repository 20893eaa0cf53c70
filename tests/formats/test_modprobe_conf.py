"""modprobe.d: what others wrote, and our own file."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.formats.modprobe_conf import (
    VERBS,
    ModprobeConfError,
    option_values,
    parse_modprobe_conf,
    render_modprobe_conf,
)
from tests.formats.samples import read, realworld_files

_WORDS = st.sampled_from(["options", "blacklist", "softdep", "install", "alias", "vfio-pci", "a_b",
                          "ids=1:2", "pre:", "post:", "#", "\\\n", "\n", "\n", " ", "\t", "x*",
                          'd="a b"', "/bin/true", "\\x"])  # fmt: skip
WILDCARD = "modules/snippets/modprobe-blacklist-wildcard.conf"
FILES = st.lists(_WORDS, max_size=14).map(" ".join)


def test_what_is_understood() -> None:
    text = (
        "# options x y\n"
        "options vfio-pci ids=10de:1b81 \\\n disable_vga=1\n"
        'options vfio_pci ids=%DEVICES% dyndbg="file x +p"\n'
        "blacklist nouveau # not a comment\n"
        "softdep nvidia pre: vfio-pci a post: b-c\r\n"
        "install snd_hda_intel /bin/true --x\n"
        "alias pci:v*d-1 foo\nnonsense a b\noptions\n"
    )
    found = parse_modprobe_conf(text)
    assert [(d.verb, d.module, d.line) for d in found] == [
        ("options", "vfio_pci", 2), ("options", "vfio_pci", 4), ("blacklist", "nouveau", 5),
        ("softdep", "nvidia", 6), ("install", "snd_hda_intel", 7), ("alias", "pci:v*d-1", 8),
    ]  # fmt: skip
    assert option_values(found, "vfio-pci", "ids") == ("10de:1b81", "%DEVICES%")
    assert option_values(found, "vfio-pci", "dyndbg") == ("file x +p",)
    assert option_values(found, "vfio", "ids") == ()


def test_our_own_file_is_read_back() -> None:
    text = render_modprobe_conf(
        ["Written by reconcile\nfrom /etc/x.toml"], ["10de:2489", "8086:1572:8086:0001"], ["i915"]
    )
    assert text == (
        "# Written by reconcile from /etc/x.toml\n"
        "options vfio-pci ids=10de:2489,8086:1572:8086:0001\n"
        "softdep i915 pre: vfio-pci\n"
    )
    found = parse_modprobe_conf(text)
    assert option_values(found, "vfio_pci", "ids") == ("10de:2489,8086:1572:8086:0001",)
    assert [(d.verb, d.module, d.rest) for d in found[1:]] == [("softdep", "i915", "pre: vfio-pci")]
    assert render_modprobe_conf([]) == ""


@pytest.mark.parametrize("bad", ["10DE:1b81", "10de", "10de:1b81\noptions x", "10de:1b81,1:2"])
def test_what_is_no_id_is_refused(bad: str) -> None:
    with pytest.raises(ModprobeConfError, match="not a PCI id"):
        render_modprobe_conf([], [bad])


@pytest.mark.parametrize("bad", ["a b", "a\nb", "", "a;b", "$x"])
def test_what_is_no_module_is_refused(bad: str) -> None:
    with pytest.raises(ModprobeConfError, match="not the name of a module"):
        render_modprobe_conf([], [], [bad])


@settings(max_examples=25, deadline=None)
@given(FILES)
def test_options_are_those_of_modprobe(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    mine, real = both(tmp_path_factory, text)
    assert mine == real


def both(factory: pytest.TempPathFactory, text: str) -> tuple[Counter[str], Counter[str]]:
    """The options and blacklist lines of the file as we read them, and as modprobe does."""
    program = shutil.which("modprobe", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if not program and not os.environ.get("CI"):
        pytest.skip("modprobe is not installed")
    assert program
    folder = factory.mktemp("modprobe.d")
    (folder / "a.conf").write_bytes(text.encode("utf-8", "surrogateescape"))
    shown = _shown(program, folder) - _shown(program, factory.mktemp("empty"))
    # kmod keeps blanks before the first argument, and a line that has nothing else.
    real = Counter(" ".join(line.split()) for line in shown.elements())
    real = Counter({k: n for k, n in real.items() if k.count(" ") > 1 or k[0] == "b"})
    mine = Counter(
        " ".join([d.verb, d.module, *(d.rest.split() if d.verb == "options" else ())])
        for d in parse_modprobe_conf(text)
        if d.verb in ("options", "blacklist")
    )
    return mine, real


def _shown(program: str, folder: Path) -> Counter[str]:
    """The options and blacklist lines that modprobe has read, those of the kernel's too."""
    argv = [program, "-C", str(folder), "--showconfig"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    lines = done.stdout.split("\n")
    return Counter(line.strip() for line in lines if line.startswith(("options ", "blacklist ")))


@given(st.text())
def test_arbitrary_text_is_read(text: str) -> None:
    assert all(d.verb in VERBS for d in parse_modprobe_conf(text))


def test_time_is_linear() -> None:
    start = time.process_time()
    for text in ("options a b=1\n" * 20_000, "\\\n" * 100_000, "options a " + "\\x" * 100_000):
        parse_modprobe_conf(text)
    assert time.process_time() - start < 2


@pytest.mark.realworld
@pytest.mark.parametrize("path", realworld_files("modules/modprobe.d", WILDCARD))
def test_real_files(path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    text = read(path)
    mine, real = both(tmp_path_factory, text)
    assert mine == real
    lines = [" ".join(line.split()) for line in text.split("\n") if not line.startswith("#")]
    wanted = [line for line in lines if line.split(" ")[0] in VERBS]
    assert len(parse_modprobe_conf(text)) == len(wanted)
