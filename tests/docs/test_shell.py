"""The man page and the completions: current, and accepted by who reads them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from docs.shell.__main__ import HERE, pages
from reconciler.cli import MODES


def output(*argv: str | Path) -> str:
    """What a program prints; it must end well and complain of nothing."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("name", pages())
def test_they_are_what_the_command_line_says(name: str) -> None:
    assert (HERE / name).read_text() == pages()[name], "run: python -m docs.shell"


def test_the_man_page_names_every_mode_and_formats_without_a_warning() -> None:
    page = output("groff", "-man", "-ww", "-Tascii", "-P-cbou", HERE / "reconcile.8")
    for name, _ in MODES:
        assert f"--{name}" in page


def test_bash_completes() -> None:
    script = (
        f"source {HERE / 'reconcile.bash'}; COMP_WORDS=(reconcile --pl); COMP_CWORD=1; "
        "_shtab_reconcile; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    assert output("bash", "--norc", "-c", script).split() == ["--plan"]


def test_fish_completes() -> None:
    script = f"source {HERE / 'reconcile.fish'}; complete -C 'reconcile --detailed'"
    assert output("fish", "--no-config", "-c", script).split()[0] == "--detailed-exitcode"


def test_zsh_takes_it() -> None:
    output("zsh", "-f", "-n", HERE / "_reconcile")
