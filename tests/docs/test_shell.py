"""The man page and the completions: current, and accepted by the shells that read them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from docs.shell.__main__ import HERE, pages
from reconciler.options import EXIT_CODES, FORMATS, MODES, OPTIONS
from tests.cli import run

MODE_FLAGS = {f"--{mode.name}" for mode in MODES}
FLAGS = MODE_FLAGS | {flag for option in OPTIONS for flag in option.flags}

# bash sets these variables before it calls the function that `complete -F` names.
BASH = r"""
source "$1"
COMP_LINE=$2 COMP_POINT=${#2}
function=$(complete -p reconcile)
function=${function#*-F }
${function%% *} 2>/dev/null
printf '%s\n' "${COMPREPLY[@]}"
"""
# An interactive zsh on a terminal of its own, that TAB is pressed in.
ZSH = r"""
zmodload zsh/zpty
zpty -b shell zsh -f -i
zpty -w shell "PS1='' fpath=($1 \$fpath); autoload -Uz compinit; compinit -D -u; cd $3"
zpty -w shell "zstyle ':completion:*' list-separator '#'; LISTMAX=999"
zpty -w shell "unsetopt menu_complete auto_menu; setopt list_ambiguous; print REA\DY"
zpty -r -m shell x '*READY*'
zpty -w -n shell "$2"$'\t\t'
zpty -w shell $'\C-a: \C-e'
zpty -w shell "print DO\NE"
zpty -r -m shell answer '*DONE*'
print -r -- $answer
"""


def output(*argv: str | Path, cwd: Path | None = None) -> str:
    """What a program prints; it must end well and complain of nothing."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=cwd, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with what may stand behind an option."""
    for name in ("host.toml", "plan.json", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "roles").mkdir()
    return tmp_path


@pytest.mark.parametrize("name", pages())
def test_they_are_what_the_command_line_says(name: str) -> None:
    assert (HERE / name).read_text() == pages()[name], "run: python -m docs.shell"


def test_help_shows_every_mode_option_and_exit_code_on_a_screen_of_80_by_24() -> None:
    shown = run("--help").out
    assert len(shown.splitlines()) <= 23  # and the prompt
    assert max(map(len, shown.splitlines())) <= 80
    words = {word.rstrip(",") for word in shown.split()}
    assert words >= FLAGS
    assert words >= {str(code) for code, _, _ in EXIT_CODES}


def test_the_man_page_says_all_that_help_says_and_formats_without_a_warning() -> None:
    page = output("groff", "-man", "-ww", "-Tascii", "-P-cbou", HERE / "reconcile.8")
    assert {flag for flag in FLAGS if flag not in page} == set()
    assert output("mandoc", "-Tlint", HERE / "reconcile.8") == ""
    for part in ("EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES"):
        assert f"\n{part}\n" in page


# --- bash ---------------------------------------------------------------------------------------


def bash(line: str, folder: Path) -> set[str]:
    """What bash offers for the word at the end of the line."""
    argv = ("bash", "--norc", "-c", BASH, "bash", HERE / "reconcile.bash", f"reconcile {line}")
    return set(output(*argv, cwd=folder).split())


def test_bash_completes(folder: Path) -> None:
    assert bash("--pl", folder) == {"--plan"}
    assert bash("--", folder) == {flag for flag in FLAGS if flag.startswith("--")}
    assert not MODE_FLAGS & bash("--plan host.toml --", folder)
    assert bash("--inspect --format ", folder) == set(FORMATS)
    assert bash("--inspect --format=m", folder) == {"markdown"}
    assert bash("--plan ", folder) == {"host.toml", "plan.json", "roles"}
    assert bash("--plan --root ", folder) == {"roles"}
    assert bash("--capture ", folder) == {"host.toml", "plan.json", "notes.txt", "roles"}


def test_bash_knows_that_it_breaks_words_at_colons(folder: Path) -> None:
    assert bash("--connect qemu:///sy", folder) == {"///system"}
    devices = Path("/sys/bus/pci/devices")
    names = {path.name for path in devices.iterdir()} if devices.is_dir() else set()
    assert bash("--init --for ", folder) == names


# --- zsh and fish -------------------------------------------------------------------------------


def zsh(line: str, folder: Path) -> str:
    """The screen after TAB was pressed twice."""
    return output("zsh", "-f", "-c", ZSH, "zsh", HERE, f"reconcile {line}", folder)


def test_zsh_completes(folder: Path) -> None:
    assert "--detailed-exitcode" in zsh("--plan --det", folder)
    offered = zsh("--inspect --format ", folder)
    assert all(name in offered for name in FORMATS)
    files = zsh("--plan ", folder)
    assert all(name in files for name in ("host.toml", "plan.json", "roles"))
    assert "notes.txt" not in files


def fish(line: str, folder: Path) -> set[str]:
    """What fish offers, without its descriptions."""
    script = f"source {HERE / 'reconcile.fish'}; complete -C 'reconcile {line}'"
    found = output("fish", "--no-config", "-c", script, cwd=folder).splitlines()
    return {line.partition("\t")[0] for line in found}


def test_fish_completes(folder: Path) -> None:
    assert fish("--detailed", folder) == {"--detailed-exitcode"}
    assert fish("--", folder) >= MODE_FLAGS
    assert not MODE_FLAGS & fish("--plan host.toml --", folder)
    assert fish("--inspect --format ", folder) == set(FORMATS)
    assert fish("--plan --root ", folder) == {"roles/"}
    assert "host.toml" in fish("--plan ", folder)
