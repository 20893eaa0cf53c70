"""Specs in an editor, without a network: the schema that the first line names, read by two servers.

taplo is what VS Code's Even Better TOML is made of; its package for Python only lints. Tombi, which
has plugins for the same editors, is driven as they drive it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli import run
from tests.docs.language_server import Editor, tombi

REPO = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
NOWHERE = "http://127.0.0.1:9"  # the discard port: whoever asks the network fails
OFFLINE = {**os.environ, "http_proxy": NOWHERE, "https_proxy": NOWHERE, "RUST_LOG": "error"}
LINTERS = {
    "taplo": ("taplo", "lint", "--colors=never"),
    "tombi": ("tombi", "lint", "--offline"),
}
EXAMPLES = sorted(REPO.glob("examples/*/host.toml"))
SPEC = EXAMPLES[0]
FIRST = "#:schema ../../specs/host.schema.json\nversion = 1\n"
BEGUN = f"""\
{FIRST}
[[device]]
name = "gpu"
address = "0000:01:00.0"
"""


def lint(tool: str, spec: Path) -> subprocess.CompletedProcess[str]:
    """A linter's opinion, by the schema that the first line names."""
    name, *options = LINTERS[tool]
    argv: list[str | Path] = [BIN / name, *options, spec]
    return subprocess.run(argv, capture_output=True, text=True, check=False, env=OFFLINE)


@pytest.mark.parametrize("tool", LINTERS)
@pytest.mark.parametrize("spec", EXAMPLES, ids=lambda path: path.parent.name)
def test_every_example_is_right(spec: Path, tool: str) -> None:
    done = lint(tool, spec)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("tool", LINTERS)
def test_what_init_prints_is_right(tmp_path: Path, tool: str) -> None:
    spec = tmp_path / "host.toml"
    text = run("--init", "--state", EXAMPLES[0].parent / "capture.json").out
    spec.write_text(text)
    assert lint(tool, spec).returncode == 0
    spec.write_text(text.replace("hostname ", "hostnam "))
    done = lint(tool, spec)
    assert done.returncode != 0
    assert "hostnam" in done.stdout + done.stderr


@pytest.fixture(scope="module")
def editor() -> Iterator[Editor]:
    with tombi(SPEC.parent, OFFLINE) as editor:
        yield editor


def test_a_key_is_completed(editor: Editor) -> None:
    text, said = editor.accept(SPEC, f"{BEGUN}b", "bind")
    assert text == f"{BEGUN}bind"
    assert "kept from the host's driver from boot on" in said


@pytest.mark.parametrize("typed", ["bind = ", 'bind = "', 'bind = "v'])
def test_a_value_is_completed_to_a_right_spec(editor: Editor, typed: str, tmp_path: Path) -> None:
    text, said = editor.accept(SPEC, BEGUN + typed, '"vm"')
    assert text == f'{BEGUN}bind = "vm"'
    assert "until the VM starts" in said
    spec = tmp_path / "host.toml"
    spec.write_text(text)
    assert run("--validate", spec).code == 0


@pytest.mark.parametrize(
    ("typed", "label"),
    [
        ("[[dev", "device"),
        ('[[vm]]\nname = "a"\n[vm.cpu', "cputune"),
        ("[cpu]\niso", "isolated"),
    ],
)
def test_a_table_is_completed(editor: Editor, typed: str, label: str) -> None:
    text, _ = editor.accept(SPEC, FIRST + typed, label)
    assert text.endswith(label)


def test_a_word_is_explained(editor: Editor) -> None:
    assert "default_hugepagesz=" in editor.hover(SPEC, f"{BEGUN}[hugepages]\ndefault_size")


def test_what_is_no_key_is_not_offered(editor: Editor) -> None:
    with pytest.raises(AssertionError, match=r"offered: .*'slot'"):
        editor.accept(SPEC, BEGUN, "hostname")
