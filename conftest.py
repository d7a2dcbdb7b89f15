"""Tests run side by side: each file's in one worker, each lesson on its own."""

import os
import sys
from collections import Counter
from pathlib import Path

import psutil
import pytest
from xdist.scheduler import LoadScopeScheduling

sys.path.insert(0, str(Path(__file__).resolve().parent / "labs"))

SERVERS = Path(__file__).resolve().parent / "tests" / "servers"
A_LAB = 1.0e9  # bytes that one worker's servers may need
LESSONS = "test_lessons.py"  # each of its tests is a whole lab
LONGEST_FIRST = ("test_site.py", LESSONS, ".ipynb")


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Outputs are compared by their text alone. The HTML says the same for the eye, and
    a timeline's drawing has the times of its run in it."""
    if hasattr(collector, "skip_compare"):  # a notebook, as nbval collects it
        collector.skip_compare += ("text/html",)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One more than there are cores, since labs wait; fewer where memory is short."""
    room = int(psutil.virtual_memory().available / A_LAB)
    return max(1, min((os.cpu_count() or 1) + 1, room))


class ByFile(LoadScopeScheduling):
    """One worker runs a file's tests in order: a notebook's cells share a kernel."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return nodeid if file.endswith(LESSONS) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log) -> ByFile:
    return ByFile(config, log)


def pytest_itemcollected(item: pytest.Item) -> None:
    """What starts servers says so: `-m servers` selects it."""
    if item.path.suffix == ".ipynb" or SERVERS in item.path.parents:
        item.add_marker(pytest.mark.servers)


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """The longest first, so that no worker sits over one while the others are done."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not item.path.name.endswith(LONGEST_FIRST))


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
