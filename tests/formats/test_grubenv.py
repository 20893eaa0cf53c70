"""The environment block, byte for byte like grub-editenv."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backends.formats.grub.env import SIGNATURE, GrubEnvError, parse_grubenv, set_variable
from tests.formats.samples import read, realworld_files

EMPTY = SIGNATURE.ljust(1024, "#")
NAMES = st.sampled_from(["saved_entry", "next_entry", "kernelopts", "x"])
VALUES = st.text(st.sampled_from([*"ab =#\\\n", "é"]), max_size=12) | st.none()
CHANGES = st.lists(st.tuples(NAMES, VALUES), max_size=6)


@given(CHANGES)
def test_set_and_read_back(changes: list[tuple[str, str | None]]) -> None:
    text, wanted = EMPTY, dict[str, str]()
    for name, value in changes:
        text = set_variable(text, name, value)
        wanted.pop(name, None) if value is None else wanted.update({name: value})
        assert parse_grubenv(text) == wanted
        assert set_variable(text, name, value) == text
        assert len(text.encode()) == 1024


@settings(max_examples=15, deadline=None)
@given(CHANGES)
def test_bytes_are_those_of_grub_editenv(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, str | None]]
) -> None:
    program = shutil.which("grub-editenv")
    if not program and not os.environ.get("CI"):
        pytest.skip("grub-editenv is not installed")
    assert program
    path = tmp_path_factory.mktemp("env") / "grubenv"
    path.write_text(EMPTY)
    text = EMPTY
    for name, value in changes:
        argument = ["unset", name] if value is None else ["set", f"{name}={value}"]
        subprocess.run([program, path, *argument], check=True)
        text = set_variable(text, name, value)
    assert path.read_bytes().decode() == text


def test_odd_sizes_keep_their_size() -> None:
    text = EMPTY + "\n"
    edited = set_variable(text, "a", "1")
    assert len(edited) == 1025
    assert edited.endswith("#\n")
    assert set_variable(edited, "a", None) == text
    small = SIGNATURE + "a=1\n#"
    assert set_variable(small, "a", "22") == SIGNATURE + "a=22\n"


def test_the_last_of_two_counts_and_one_stays() -> None:
    text = (SIGNATURE + "a=1\nb=2\na=3\n").ljust(1024, "#")
    assert parse_grubenv(text) == {"a": "3", "b": "2"}
    assert set_variable(text, "a", "4").startswith(SIGNATURE + "b=2\na=4\n#")


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(GrubEnvError, match="1 bytes are missing"):
        set_variable(EMPTY, "a", "x" * (1024 - len(SIGNATURE) - 2))
    assert "#" not in set_variable(EMPTY, "a", "x" * (1024 - len(SIGNATURE) - 3))[25:]


@pytest.mark.parametrize("text", ["", "x=1\n", "# GRUB environment block\n"])
def test_no_block(text: str) -> None:
    with pytest.raises(GrubEnvError, match="not a GRUB environment block"):
        parse_grubenv(text)


def test_no_name() -> None:
    with pytest.raises(GrubEnvError, match="not the name"):
        set_variable(EMPTY, "a b", "1")


@given(st.text())
def test_arbitrary_text_is_read_or_refused(text: str) -> None:
    assert isinstance(parse_grubenv(SIGNATURE + text), dict)


@pytest.mark.realworld
@pytest.mark.parametrize("path", realworld_files("bootentries/grubenv"))
def test_real_blocks(path: Path) -> None:
    text = read(path)
    edited = set_variable(text, "next_entry", "reconcile")
    assert parse_grubenv(edited) == {**parse_grubenv(text), "next_entry": "reconcile"}
    assert set_variable(edited, "next_entry", None) == text
