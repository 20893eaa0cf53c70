"""dracut.conf, mkinitcpio.conf and the modules files of initramfs-tools."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.formats.dracut_conf import (
    DracutConfError,
    dracut_list,
    dracut_value,
    render_dracut_conf,
)
from backends.formats.initramfs_modules import ModulesFileError, edit_modules, parse_modules
from backends.formats.mkinitcpio_conf import array_words, edit_array
from backends.formats.shell.assign import ShellAssignError
from tests.formats.samples import read, realworld_files
from tests.formats.shells import source

VFIO = ["vfio_pci", "vfio"]
_ITEMS = st.lists(st.sampled_from(["ext4", "'a b'", '"q"', "x\\y", "nvme", "vfio", "# c\n", "\n"]),
                  max_size=4).map(" ".join)  # fmt: skip
_LINES = st.one_of(
    st.builds("MODULES=({})".format, _ITEMS), st.builds("MODULES+=({})".format, _ITEMS),
    st.sampled_from(['MODULES="ext4  nvme"', "MODULES=''", "MODULES=ext4", 'MODULES+="x"',
                     "# MODULES=(no)", "",
                     "HOOKS=(base udev)", "if x; then MODULES=(); fi", "MODULES=($x)"]),
)  # fmt: skip
CONFS = st.builds(
    lambda lines, last: "\n".join(lines) + last, st.lists(_LINES, max_size=4),
    st.sampled_from(["", "\n"]),
)  # fmt: skip
MODULE_FILES = st.builds(
    lambda lines, newline, last: newline.join(lines) + (newline if last else ""),
    st.lists(st.sampled_from(["vfio-pci", "vfio ids=1", "# c", "", "  kvm # x", "e1000e"]),
             max_size=5), st.sampled_from(["\n", "\r\n"]), st.booleans(),
)  # fmt: skip


def bash_words(text: str, name: str) -> list[str]:
    """The array, or the words of the string, as bash has them."""
    bash = shutil.which("bash")
    assert bash
    script = f'eval "$1" 2>/dev/null; for w in "${{{name}[@]}}"; do printf "%s\\0" "$w"; done'
    done = subprocess.run([bash, "-c", script, "x", text], capture_output=True, check=True)
    return done.stdout.decode().split("\0")[:-1]


@settings(max_examples=60, deadline=None)
@given(CONFS)
def test_array_words_are_those_of_bash(text: str) -> None:
    words = array_words([text], "MODULES")
    if words is not None:
        real = bash_words(text, "MODULES")
        # A string that becomes an array with += is one element to bash, several modules to us.
        assert list(words) == real or " ".join(words).split() == " ".join(real).split()


@settings(max_examples=80, deadline=None)
@given(CONFS, st.lists(st.sampled_from(["ext4", "nvme", "q"]), max_size=2))
def test_an_edited_array_is_as_wanted(text: str, remove: list[str]) -> None:
    before = array_words([text], "MODULES")
    try:
        edited = edit_array(text, "MODULES", remove, VFIO)
    except ShellAssignError:
        return
    assert before is not None
    new = [word for word in VFIO if word not in before]
    wanted = (*new, *(word for word in before if word not in remove))
    assert array_words([edited], "MODULES") == wanted
    assert edit_array(edited, "MODULES", remove, VFIO) == edited
    if not remove:
        assert edit_array(edited, "MODULES", new, []) == text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("MODULES=()\n", "MODULES=(vfio_pci vfio)\n"),
        ("MODULES=(i915 x)\n", "MODULES=(vfio_pci vfio i915 x)\n"),
        ('MODULES="i915"\n', 'MODULES="vfio_pci vfio i915"\n'),
        ("MODULES=(\n  a # b\n  c\n)\n", "MODULES=(\n  vfio_pci vfio a # b\n  c\n)\n"),
        ("MODULES=(a)\nMODULES+=(b)", "MODULES=(vfio_pci vfio a)\nMODULES+=(b)"),
        ("MODULES=(vfio)\n", "MODULES=(vfio_pci vfio)\n"),
    ],
)
def test_where_modules_go(before: str, after: str) -> None:
    assert edit_array(before, "MODULES", [], VFIO) == after


@pytest.mark.parametrize(
    ("text", "why"),
    [("", "no assignment"), ("MODULES=x\n", "no brackets"), ("MODULES=\n", "no brackets"),
     ("if a; then MODULES=(b); fi\n", "line 1: MODULES depends"), ("MODULES=($a)", "not plain"),
     ('MODULES=(a)\nMODULES+="b"\n', "line 2: "),
     ("MODULES=(a\n", "line 1: ")],
)  # fmt: skip
def test_arrays_that_are_not_plain_are_refused(text: str, why: str) -> None:
    with pytest.raises(ShellAssignError, match=why):
        edit_array(text, "MODULES", [], VFIO)


def test_dracut_lists_grow() -> None:
    texts = ['force_drivers+=" a b "\n', render_dracut_conf(["by\nus"], ["vfio-pci", "vfio"])]
    assert texts[1] == '# by us\nforce_drivers+=" vfio_pci vfio "\n'
    assert dracut_list(texts, "force_drivers") == ("a", "b", "vfio_pci", "vfio")
    assert dracut_list(['x="$(y)"'], "x") is None
    glued = ['add_drivers+="a"\n', 'add_drivers+="b"\n']
    assert dracut_list(glued, "add_drivers") == ("ab",), "without spaces they are glued together"
    with pytest.raises(DracutConfError):
        render_dracut_conf([], ['a" b'])


@given(MODULE_FILES, st.lists(st.sampled_from(["kvm", "vfio ids=1"]), max_size=1))
def test_modules_files(text: str, remove: list[str]) -> None:
    add = ["vfio_pci ids=1:2", "vfio_iommu_type1"]
    edited = edit_modules(text, remove, add)
    gone = parse_modules("\n".join(remove))
    kept = tuple(entry for entry in parse_modules(text) if entry not in gone)
    assert parse_modules(edited) == (*kept, *parse_modules("\n".join(add)))
    assert edit_modules(edited, remove, add) == edited
    if not remove:
        assert edit_modules(edited, add, []) == text


def test_modules_that_are_none() -> None:
    assert edit_modules("vfio-pci", [], ["vfio_pci"]) == "vfio-pci", "- is _"
    for bad in ("a\nb", "", "#x", "a b;c"):
        with pytest.raises(ModulesFileError):
            edit_modules("", [], [bad])


@given(st.text())
def test_arbitrary_text_is_read(text: str) -> None:
    assert edit_modules(text, [], []) == text
    array_words([text], "MODULES")
    dracut_value([text], "add_drivers")


@pytest.mark.realworld
@pytest.mark.parametrize("path", realworld_files("modules/mkinitcpio"))
def test_real_mkinitcpio_files(path: Path) -> None:
    text = read(path)
    for name in ("MODULES", "HOOKS"):
        words = array_words([text], name)
        assert words is not None
        assert list(words) == " ".join(bash_words(text, name)).split()
        if not words and f"\n{name}=" not in f"\n{text}":
            continue
        assert edit_array(text, name, [], []) == text
        edited = edit_array(text, name, [], ["rc_test"])
        assert array_words([edited], name) == ("rc_test", *words)
        assert edit_array(edited, name, [], ["rc_test"]) == edited
        assert edit_array(edited, name, ["rc_test"], []) == text


@pytest.mark.realworld
@pytest.mark.parametrize("path", realworld_files("modules/dracut"))
def test_real_dracut_files(path: Path) -> None:
    text = read(path)
    names = ["add_drivers", "force_drivers", "add_dracutmodules", "compress", "hostonly"]
    real = source("bash", [text], names)
    assert real == {name: dracut_value([text], name).text for name in names}


@pytest.mark.realworld
@pytest.mark.parametrize(
    "path",
    realworld_files(
        "modules/modules-load", "modules/initramfs-tools", "modules/snippets/etc-modules-typo"
    ),
)
def test_real_modules_files(path: Path) -> None:
    text = read(path)
    assert edit_modules(text, [], []) == text
    edited = edit_modules(text, [], ["rc_test a=1"])
    assert parse_modules(edited) == (*parse_modules(text), ("rc_test", "a=1"))
    assert edit_modules(edited, [], ["rc_test a=1"]) == edited
    assert edit_modules(edited, ["rc_test a=1"], []) == text
