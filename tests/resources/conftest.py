"""The lab's guests, for the one test here that boots machines."""

from __future__ import annotations

from tests.lab.conftest import lab as lab
from tests.lab.conftest import pytest_runtest_makereport as pytest_runtest_makereport
