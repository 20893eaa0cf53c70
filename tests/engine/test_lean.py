"""What a plan does not import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.simulator.hosts import build

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/intel-workstation"
HEAVY = (
    "importlib.metadata",
    "email",
    "tree_sitter",
    "lxml",
    "rich",
    "deepdiff",
    "sh",
    "difflib",
    "backends.host",
    "ctypes",
)


def test_a_plan_from_a_capture_imports_nothing_heavy() -> None:
    code = (
        "import sys; from reconciler.cli import main; "
        f"code = main(['--plan', {str(EXAMPLE / 'host.toml')!r}, "
        f"'--state', {str(EXAMPLE / 'capture.json')!r}]); "
        f"sys.stderr.write(' '.join(m for m in {HEAVY!r} if m in sys.modules)); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "changes" in done.stdout


def test_the_models_of_tables_that_are_not_there_are_not_made(tmp_path: Path) -> None:
    """The large tables of a spec that has none of them (specs.later)."""
    spec = tmp_path / "host.toml"
    spec.write_text("version = 1\n[boot]\nkernel_args = ['iommu=pt']\n")
    large = ("specs.device", "specs.sriov", "specs.vm", "specs.vm_devices", "specs.vm_memory")
    code = (
        "import sys; from reconciler.cli import main; "
        f"code = main(['--plan', {str(spec)!r}, '--state', {str(EXAMPLE / 'capture.json')!r}]); "
        f"sys.stderr.write(' '.join(m for m in {large!r} if m in sys.modules)); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_plan_of_a_tree_opens_each_file_once(tmp_path: Path) -> None:
    """Also for a change that is told as pending, because trees have no kernel."""
    tree = tmp_path / "tree"
    build("sriov-server", tree)
    spec = tmp_path / "host.toml"
    spec.write_text(
        "version = 1\n[[sriov]]\nname = 'f'\naddress = '0000:3b:00.0'\nvfs = 2\n"
        "[[hugepages.pages]]\nsize = '2M'\ncount = 64\nnode = 0\n"
    )
    code = (
        "import collections, sys; opened = collections.Counter();"
        "sys.addaudithook(lambda e, a: e == 'open' and opened.update([str(a[0])]));"
        "from reconciler.cli import main;"
        f"code = main(['--plan', {str(spec)!r}, '--root', {str(tree)!r}]);"
        f"here = {{p: n for p, n in opened.items() if p.startswith({str(tree)!r})}};"
        "sys.stderr.write(repr([p for p, n in here.items() if n > 1] or len(here)));"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stderr) > 100
