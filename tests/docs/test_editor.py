"""Specs in an editor: taplo, which VS Code's Even Better TOML is made of, without a network.

Its checks and its completion read the same schema, by the first line of the spec.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli import run

REPO = Path(__file__).parents[2]
TAPLO = Path(sys.executable).parent / "taplo"
NOWHERE = "http://127.0.0.1:9"  # the discard port: whoever asks the network fails
OFFLINE = {**os.environ, "http_proxy": NOWHERE, "https_proxy": NOWHERE, "RUST_LOG": "error"}
EXAMPLES = sorted(REPO.glob("examples/*/host.toml"))


def lint(spec: Path) -> subprocess.CompletedProcess[str]:
    """taplo's opinion, by the schema that the first line names."""
    argv = (TAPLO, "lint", "--colors=never", spec)
    return subprocess.run(argv, capture_output=True, text=True, check=False, env=OFFLINE)


@pytest.mark.parametrize("spec", EXAMPLES, ids=lambda path: path.parent.name)
def test_every_example_is_right(spec: Path) -> None:
    done = lint(spec)
    assert done.returncode == 0, done.stderr


def test_what_init_prints_is_right(tmp_path: Path) -> None:
    spec = tmp_path / "host.toml"
    spec.write_text(run("--init", "--state", EXAMPLES[0].parent / "capture.json").out)
    assert lint(spec).returncode == 0
    spec.write_text(spec.read_text().replace("hostname ", "hostnam "))
    assert "'hostnam' was unexpected" in lint(spec).stderr
