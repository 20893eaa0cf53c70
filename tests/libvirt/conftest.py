"""The real libvirt, once for a session; every test starts without domains."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.libvirt.bench import Bench
from tests.libvirt.daemon import Daemon, missing, start
from tests.simulator.hosts import build


@pytest.fixture(scope="session")
def libvirtd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A private libvirtd; skipped where it cannot run, but not in CI."""
    lacking = missing()
    if lacking:
        assert not os.environ.get("CI"), lacking
        pytest.skip(lacking)
    daemon = start(tmp_path_factory.mktemp("libvirt"))
    yield daemon
    daemon.stop()


@pytest.fixture
def daemon(libvirtd: Daemon) -> Daemon:
    """The libvirtd, empty."""
    libvirtd.clear()
    libvirtd.calls.clear()
    return libvirtd


@pytest.fixture
def bench(daemon: Daemon, tmp_path: Path) -> Bench:
    """No domain yet."""
    build("sriov-server", tmp_path / "root")
    return Bench(daemon, tmp_path)
