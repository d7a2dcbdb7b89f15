"""Tests run side by side: what they are handed to workers by, and in which order."""

import functools
import json
import os
import re
import sys
from collections import Counter
from pathlib import Path

import psutil
import pytest
from xdist.scheduler import LoadScopeScheduling

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "labs"))

SERVERS = HERE / "tests" / "servers"
RUNS = HERE / "labs" / "runs.json"
A_LAB = 1.0e9  # bytes that one worker's servers may need
SITE, LESSONS = "tests/test_site.py", "tests/test_lessons.py"
ARGO = "tests/servers/test_argocd.py"
KUBERNETES = ("tests/servers/test_kubernetes.py", ARGO)
LIMITS = "tests/servers/test_limits.py"
PAGE = re.compile(r"\[(\S+\.html)")
LAB = re.compile(r"^labs/(\w+)\.ipynb|\[(\w+)\]$")


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Outputs are compared by their text alone. The HTML says the same for the eye, and
    a timeline's drawing has the times of its run in it."""
    if hasattr(collector, "skip_compare"):  # a notebook, as nbval collects it
        collector.skip_compare += ("text/html",)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One more than there are cores: labs wait more than they compute, and hold on a
    busy machine. Fewer where memory is short."""
    room = int(psutil.virtual_memory().available / A_LAB)
    return max(1, min((os.cpu_count() or 1) + 1, room))


def unit(nodeid: str) -> str:
    """What one worker runs in order: the tests of a file (a notebook's cells share a
    kernel), of one lesson, or of one page of the site; and all that starts Argo CD, of
    which a cluster has one: its tests take it away from whoever runs beside them."""
    file = nodeid.partition("::")[0]
    if file == ARGO or starts(nodeid, "ArgoCD("):
        return ARGO
    if file == LESSONS:
        return nodeid
    page = PAGE.search(nodeid) if file == SITE else None
    return f"{file} {page[1]}" if page else file


class ByUnit(LoadScopeScheduling):
    """Workers take the next unit whenever they have none."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log) -> ByUnit:
    return ByUnit(config, log)


def pytest_itemcollected(item: pytest.Item) -> None:
    """What starts servers says so, and what needs a cluster: `-m servers` selects it,
    or `-m kubernetes`."""
    if item.path.suffix == ".ipynb" or SERVERS in item.path.parents:
        item.add_marker(pytest.mark.servers)
    if in_a_cluster(item.nodeid):
        item.add_marker(pytest.mark.kubernetes)
        item.add_marker(pytest.mark.timeout(900))
        if why := no_cluster():
            item.add_marker(pytest.mark.skip(reason=why))
    if limited(item.nodeid) and (why := no_limits()):
        item.add_marker(pytest.mark.skip(reason=why))


def in_a_cluster(nodeid: str) -> bool:
    """Tests of Kubernetes, labs that start it, and their lessons."""
    return nodeid.startswith(KUBERNETES) or starts(nodeid, "Kubernetes(")


def limited(nodeid: str) -> bool:
    """Tests of servers with limits, labs that set one, and their lessons."""
    return nodeid.startswith(LIMITS) or starts(nodeid, ".within(")


def starts(nodeid: str, server: str) -> bool:
    """Whether it is of a lab that starts this server, or of its lesson."""
    place = nodeid if nodeid.startswith(LESSONS) else nodeid.partition("::")[0]
    lab = LAB.search(place)
    return bool(lab) and server in code_of(lab[1] or lab[2])


@functools.cache
def code_of(lab: str) -> str:
    notebook = HERE / "labs" / f"{lab}.ipynb"
    return notebook.read_text() if notebook.exists() else ""


@functools.cache
def no_cluster() -> str:
    """Why there is none, "" where one is named or an engine may run it."""
    if os.environ.get("LABS_KUBECONFIG"):
        return ""
    runtime = os.environ.get("LABS_RUNTIME")
    if runtime == "processes":
        return "no package brings Kubernetes as a plain process: not proved here"
    if runtime == "containers":
        return ""  # what asks for them must fail without
    from labkit.runtimes.containers import engine_problem

    problem = engine_problem()
    return f"no Kubernetes without a Docker engine: {problem}" if problem else ""


@functools.cache
def no_limits() -> str:
    """Why servers cannot be limited, "" where an engine does it or this account may."""
    from labkit.runtimes import groups
    from labkit.runtimes.containers import engine_problem

    runtime = os.environ.get("LABS_RUNTIME")
    if runtime == "containers" or (not runtime and not engine_problem()):
        return ""
    if problem := groups.problem():
        return f"processes cannot be limited here, not proved here: {problem}"
    return ""


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Long units first, so that all workers end together."""
    if hasattr(config, "workerinput"):
        places = in_turn([unit(item.nodeid) for item in items])
        items.sort(key=lambda item: places[unit(item.nodeid)])


def in_turn(units: list[str]) -> dict[str, float]:
    """Where each unit stands. The site is built first of all. Labs, which wait, begin
    with the longest; among them stand pages, which compute, and servers. What is quick
    comes last."""
    runs = json.loads(RUNS.read_text())

    def seconds(unit: str) -> float:
        lab = LAB.search(unit)
        return runs.get(lab[1] or lab[2], {}).get("seconds", 0) if lab else 0

    def spread(units: list[str], start: float) -> dict[str, float]:
        return {
            unit: start + (2 - start) * n / len(units) for n, unit in enumerate(units)
        }

    every = Counter(units)
    labs = sorted(filter(LAB.search, every), key=seconds, reverse=True)
    pages = [unit for unit in every if unit.startswith(f"{SITE} ")]
    started = ("tests/servers/", "tests/runtimes/")
    servers = [unit for unit, _ in every.most_common() if unit.startswith(started)]
    return (
        dict.fromkeys(every, 3.0)
        | spread(labs, 1.0)
        | spread(pages, 1.2)  # when the first is due, the site is there
        | spread(servers, 1.4)
        | {SITE: 0.0, ARGO: 0.5}
    )


def to_run_again(stats: dict[str, list[pytest.TestReport]]) -> list[str]:
    """What pytest is asked for so that whatever failed runs again: a notebook as a
    whole, whose cells need each other, else the test."""
    reports = [*stats.get("failed", []), *stats.get("error", [])]
    names = (report.nodeid for report in reports)
    return sorted({n.partition("::")[0] if ".ipynb::" in n else n for n in names})


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int
) -> None:
    """What has failed, for `tools/again.py`, which names a file for it; and one line
    for each reason, however many tests it keeps from running."""
    kept = os.environ.get("LABS_FAILED")
    if kept and exitstatus == pytest.ExitCode.TESTS_FAILED:
        Path(kept).write_text(json.dumps(to_run_again(terminalreporter.stats)))
    reasons = Counter(
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", [])
    )
    for reason, count in reasons.items():
        terminalreporter.write_line(
            f"NOT RUN: {count} test{'s' * (count > 1)}, {reason}", yellow=True
        )
