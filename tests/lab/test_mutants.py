"""Tests of the tests: a broken tool does not get through the story."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from . import holds
from . import test_story as story
from .conftest import Lab
from .mutants import MUTANTS, Mutant


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.name)
def test_a_mutant_is_the_checkout_with_one_defect(mutant: Mutant, tmp_path: Path) -> None:
    assert mutant.wheel(tmp_path).exists()
    assert hasattr(holds, mutant.caught_by)


@pytest.mark.lab
@pytest.mark.long
@pytest.mark.parametrize(
    "mutant",
    [pytest.param(m, id=m.name, marks=pytest.mark.xdist_group(m.flavour)) for m in MUTANTS],
)
def test_the_lab_catches(mutant: Mutant, lab: Lab, tmp_path: Path) -> None:
    """Everything up to the first reboot, by the very checks of the story."""
    guest = lab.boot(mutant.flavour, wheel=mutant.wheel(tmp_path))
    guest.out(mutant.prepare)
    host = holds.Host(guest, mutant.flavour)
    story.remember(host)
    with pytest.raises(AssertionError) as caught:
        story.apply_and_reboot(host)
    called = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert mutant.caught_by in called
    lab.end(guest)
