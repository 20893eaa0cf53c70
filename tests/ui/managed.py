"""A host that can be managed without any program of its own: one file of limits."""

from __future__ import annotations

from pathlib import Path

from tests.cli import run
from tests.simulator.hosts import build


def limited(root: Path, spec: Path) -> Path:
    """The host below ``root``, and a spec for it."""
    build("sriov-server", root)
    (root / "etc/group").write_text("kvm:x:104:\n")
    spec.parent.mkdir(exist_ok=True)
    spec.write_text("version = 1\n[limits]\nmemlock = 'unlimited'\n")
    return spec


def applied(root: Path, spec: Path) -> Path:
    """The same after an apply."""
    assert run("--apply", limited(root, spec), "--root", root, "-q").code == 0
    return spec
