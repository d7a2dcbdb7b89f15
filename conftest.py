"""Tests run side by side: each file's in one worker, each lesson and lab on its own."""

import os
import sys
from collections import Counter
from pathlib import Path

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent / "labs"))

A_LAB = 1.0e9  # bytes that one worker's servers may need
ONE_BY_ONE = {"test_lessons.py"}  # each test of these is a whole lab


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One more than there are cores, since labs wait; fewer where memory is short."""
    room = int(psutil.virtual_memory().available / A_LAB)
    return max(1, min((os.cpu_count() or 1) + 1, room))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A group is what one worker runs in order: a notebook's cells share a kernel."""
    for item in items:
        group = item.path.name
        if group in ONE_BY_ONE:
            group = item.name
        item.add_marker(pytest.mark.xdist_group(group))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each reason, however many tests it keeps from running."""
    reasons = Counter(
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", [])
    )
    for reason, count in reasons.items():
        terminalreporter.write_line(
            f"NOT RUN: {count} test{'s' * (count > 1)}, {reason}", yellow=True
        )
