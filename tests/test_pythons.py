"""The supported Pythons: specs, formats, engine and examples on each of the others."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
CACHE = Path(os.environ.get("RECONCILE_VENVS") or "/var/tmp/reconcile-venvs")
OTHERS = [v for v in ("3.10", "3.11", "3.12", "3.13") if v != "{}.{}".format(*sys.version_info)]
TESTS = ("tests/specs", "tests/formats", "tests/engine", "tests/test_examples.py")
FAST = "not roots and not libvirt and not lab and not kernel"

pytestmark = pytest.mark.pythons


def interpreter(version: str) -> str | None:
    """A Python of that version: on the path, or one that pyenv keeps."""
    kept = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
    found = sorted(kept.glob(f"{version}.*/bin/python{version}"))
    return str(found[-1]) if found else shutil.which(f"python{version}")


def environment(version: str, python: str) -> Path:
    """A virtual environment with the project's dependencies, made once for each pyproject.toml."""
    pyproject = (CHECKOUT / "pyproject.toml").read_bytes()
    folder = CACHE / f"{version}-{hashlib.sha256(pyproject).hexdigest()[:12]}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f"{version}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([python, "-m", "venv", folder], check=True)
            pip = [str(folder / "bin/pip"), "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, "-e", f"{CHECKOUT}[test]"], check=True)
            (folder / "ready").touch()
    return folder


@pytest.mark.parametrize("version", OTHERS)
def test_the_fast_tests_pass(version: str) -> None:
    python = interpreter(version)
    if python is None and not os.environ.get("CI"):
        pytest.skip(f"no Python {version} here (in CI this is a failure)")
    assert python, f"no Python {version}: install it, or make it known to pyenv"
    command = ("-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", "-m", FAST, *TESTS)
    done = subprocess.run(
        [environment(version, python) / "bin/python", *command],
        cwd=CHECKOUT,
        # The environment may have been made from another checkout.
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
