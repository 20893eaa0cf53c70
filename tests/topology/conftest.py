"""Prints the table machines x facts that the topology tests collect."""

from __future__ import annotations

import pytest

ROW = "topology row"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line per recorded machine and oracle, also when the tests ran in other processes."""
    rows = sorted(
        {
            str(value)
            for reports in terminalreporter.stats.values()
            for report in reports
            for name, value in getattr(report, "user_properties", ())
            if name == ROW
        }
    )
    if rows:
        terminalreporter.section("recorded machines x facts (= equal, - oracle does not say)")
        for row in rows:
            terminalreporter.line(row)
