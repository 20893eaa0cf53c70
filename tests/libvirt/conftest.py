"""The real libvirt, once for a session; every test starts without domains."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.libvirt.daemon import Daemon, missing, start


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
