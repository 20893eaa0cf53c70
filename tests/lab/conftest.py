"""Fixtures: booted guests with this checkout's tool, and their consoles when a test fails."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.lab.holds", "tests.lab.tool")

from . import flavours, report, start, wheels  # noqa: E402 after the line above
from .base import LabError, need, need_root, prune  # noqa: E402
from .guest import Guest  # noqa: E402


@dataclass(slots=True)
class Lab:
    """The guests that this pytest process has switched on."""

    wheel: Path
    guests: list[Guest] = field(default_factory=list)

    def boot(
        self,
        flavour: str,
        machine: str = "intel",
        *,
        tool: bool = True,
        append: str | None = None,
        wheel: Path | None = None,
    ) -> Guest:
        """A running guest; the tool (or another wheel of it) is installed unless told otherwise.
        See start.guest()."""
        guest = start.guest(flavour, machine, append=append)
        self.guests.append(guest)
        guest.start()
        if tool:
            start.install(guest, wheel or self.wheel)
        return guest

    def keep(self) -> list[tuple[str, str]]:
        """Leave the folders of all guests that are on; a report's section for each."""
        for guest in self.guests:
            guest.keep = True
        return [
            (f"console of {g.setup.work.name}", f"{g.setup.console}\n...{g.tail()}")
            for g in self.guests
        ]

    def end(self, guest: Guest) -> None:
        """Switch a guest off; its folder goes too, unless a test failed with it."""
        guest.kill()
        self.guests.remove(guest)
        if not guest.keep:
            guest.remove()


_LAB = pytest.StashKey[Lab]()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests with a `flavour` run once for each that $RECONCILE_LAB_FLAVOURS chooses, unless they
    say themselves which."""
    theirs = [str(mark.args[0]) for mark in metafunc.definition.iter_markers("parametrize")]
    if "flavour" in metafunc.fixturenames and "flavour" not in theirs:
        marked = [pytest.param(f, marks=pytest.mark.xdist_group(f)) for f in flavours.chosen()]
        metafunc.parametrize("flavour", marked)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The stories first: each takes ten minutes, and what is short fills up the workers behind."""
    items.sort(key=lambda item: "test_story" not in item.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test says where its guests' console logs are, and how they end."""
    result = yield
    lab = item.config.stash.get(_LAB, None)
    if result.failed and lab is not None:
        result.sections += lab.keep()
    return result


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The lab with the wheel of this checkout; skipped without QEMU or root, but not in CI. Other
    folders' conftests import it, with the hook above: all share one."""
    if (shared := request.config.stash.get(_LAB, None)) is not None:
        yield shared
        return
    try:
        need("qemu-system-x86_64", "qemu-img", "mmdebstrap")
        need_root()
    except LabError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    for folder in ("runs", "images", "cache"):
        prune(folder)
    here = Lab(wheels.build(tmp_path_factory.mktemp("wheel")))
    request.config.stash[_LAB] = here
    yield here
    del request.config.stash[_LAB]
    for guest in list(here.guests):
        here.end(guest)


@pytest.fixture
def guest(lab: Lab, flavour: str) -> Iterator[Guest]:
    """A standard host of the flavour, booted, the tool installed."""
    booted = lab.boot(flavour)
    yield booted
    lab.end(booted)


@pytest.fixture
def steps(flavour: str, guest: Guest) -> report.Steps:
    """Times the parts of a story, for the table in docs/testing.md."""
    return report.Steps(flavour, guest.setup.accel, guest.cpu_seconds)
