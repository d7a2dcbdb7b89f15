"""How fast servers and labs start, beside the plain ways: `make bench`.

Every server of labkit is there, with the ways that its package brings (bench.py). Every
way is measured in every round, one after another, so that a busy machine weighs on all
of them alike; medians are printed. The clock runs from nothing (no directory, no
process) to the first useful answer. Clean-up is outside it. A lab's clock includes its
kernel's start and end. Eight minutes on an idle machine, most of it for the labs.

    python tools/bench.py [--rounds N] [--only WORD] [--no-labs | --all-labs]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import book_model
import psutil
import runner
import store

sys.path.insert(0, str(runner.LABS))

from labkit import servers
from labkit.runtimes import Runtime
from labkit.runtimes.containers import ContainerRuntime, engine_problem
from labkit.runtimes.processes import ProcessRuntime
from labkit.servers.bench import Bench, Rows, Way

LABKIT = "labkit"
ROUNDS = 5  # of the servers; of the labs, unless told otherwise
CHAPTERS = ("read_replicas", "cache_promise", "bad_partition")  # whose labs are timed

TOGETHER = 60.0  # seconds for these chapters' labs, on an idle machine, two cores


# --- labs ---


class Memory:
    """The highest sum of resident memory of this process's descendants, in MB."""

    def __init__(self) -> None:
        self.peak = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        while not self._done.wait(0.2):
            used = 0
            for process in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    used += process.memory_info().rss
            self.peak = max(self.peak, used / 1e6)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()


def lab(path: Path) -> tuple[float, float]:
    """Seconds and peak MB of one lab, from before its kernel starts to its end."""
    notebook = runner.read(path)
    with Memory() as memory, tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        store.run(notebook, Path(folder) / "report.json")
        return time.perf_counter() - began, memory.peak


# --- the table ---


def row(
    what: str, way: str, seconds: list[float], target: float = 0, note: str = ""
) -> None:
    middle = statistics.median(seconds)
    against = f"{target:7.2f}  {middle / target:5.2f}" if target else " " * 14
    spread = f"{min(seconds):.2f} to {max(seconds):.2f}"
    text = f"{what:36}{way:22}{middle:8.3f}  {spread:16}{against}  {note}"
    print(text.rstrip(), flush=True)


def ways(rows: Rows, engine: bool) -> dict[str, tuple[Way, type[Runtime]]]:
    """Way -> how, and in which runtime. Each must reach the same."""
    found: dict[str, tuple[Way, type[Runtime]]] = {}
    if servers.part(rows.kind, "process"):
        found[LABKIT] = (rows.ours, ProcessRuntime)
        found |= {way: (how, ProcessRuntime) for way, how in rows.plain.items()}
    if engine and any(servers.part(rows.kind, form) for form in ("container", "pods")):
        found["containers"] = (rows.ours, ContainerRuntime)
    return found


def measure(rows: Rows, engine: bool) -> None:
    """One server in every way, each in every round."""
    product = servers.handle(rows.kind).__name__
    results: dict[tuple[str, str], list[float]] = {}
    for turn in range(ROUNDS + 1):  # the first warms the file cache up
        for way, (how, runtime) in ways(rows, engine).items():
            with Bench(runtime) as bench:
                how(bench)
            for what, seconds in bench.marks.items():
                if turn:
                    results.setdefault((what, way), []).append(seconds)
    for (what, way), all_of_them in results.items():
        target = rows.targets.get(what, 0) if way == LABKIT else 0
        row(f"{product}, {what}", way, all_of_them, target)


def measure_servers(only: str) -> None:
    if problem := engine_problem():
        print(f"No containers in this table: {problem}.")
    untold = []
    for kind in servers.kinds():
        if only.lower() in kind:
            try:
                measure(Rows(kind), engine=not problem)
            except LookupError:
                untold.append(kind)
    if untold:
        print(f"not timed, since they bring no bench.py: {', '.join(untold)}")


def measured_labs() -> list[str]:
    chapters = {chapter.name: chapter for chapter in book_model.read().chapters}
    return [lab.name for name in CHAPTERS for lab in chapters[name].labs]


def measure_labs(names: list[str], rounds: int) -> None:
    """One line a round as it goes, then a row a lab and one for their sum."""
    paths = [lab.path for lab in book_model.labs_or_exit(names)]
    results: dict[str, list[tuple[float, float]]] = {path.stem: [] for path in paths}
    for turn in range(1, rounds + 1):
        print(f"labs, round {turn} of {rounds}:", end="", flush=True)
        for path in paths:
            results[path.stem].append(lab(path))
            print(f" {results[path.stem][-1][0]:.1f}", end="", flush=True)
        print(f", together {sum(found[-1][0] for found in results.values()):.1f} s")
    for name, found in results.items():
        note = f"{max(mb for _, mb in found):5.0f} MB at most"
        row(f"lab {name}", LABKIT, [seconds for seconds, _ in found], note=note)
    sums = [sum(s for s, _ in turn) for turn in zip(*results.values(), strict=True)]
    target = TOGETHER if set(results) == set(measured_labs()) else 0
    row("these labs, together", LABKIT, sums, target)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    wished = int(os.environ.get("ROUNDS") or ROUNDS)
    parser.add_argument("--rounds", type=int, default=wished, help="of the labs")
    parser.add_argument("--only", default="", help="servers with this in their name")
    parser.add_argument("--no-labs", action="store_true")
    parser.add_argument("--all-labs", action="store_true", help="every lab")
    options = parser.parse_args()
    os.environ["LABS_RUNTIME"] = "processes"  # of the labs; servers are told directly
    load = os.getloadavg()[0]
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f} at the start,"
    )
    print("medians in seconds; memory is the sum of all processes\n")
    head = f"{'what':36}{'way':22}{'median':>8}  {'from, to':16}{'target':>7}  ratio"
    print(head + "\n" + "-" * len(head), flush=True)
    measure_servers(options.only)
    if options.rounds > 0 and not (options.no_labs or options.only):
        named = os.environ.get("LABS", "").split() or measured_labs()
        measure_labs([] if options.all_labs else named, options.rounds)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
