"""A machine that the shop rents: how busy its processes keep its processors, and a
batch job that takes all of them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from statistics import mean

import psutil

from ..history import History
from ..wait import wait_until
from .crowd import Crowd
from .records import Recorder, figure

# nice: the batch takes little where somebody else wants a processor
BATCH = ["nice", "sh", "-c", "while :; do :; done"]
FULL = 0.9  # of the processors
LOOK_S = 0.01  # seconds between two looks


class Machine:
    """Processors and the processes that are counted as running on them.

    cpus: of the machine. pids: of the processes that are there from the start.

    A processor is *busy* at a moment when one of the machine's threads runs, or would
    if it got one. So it is told what the machine has to do, and not what this computer
    leaves it beside everything else that runs here.
    """

    def __init__(self, cpus: int, *pids: int) -> None:
        self.cpus = cpus
        self.pids = list(pids)
        self.jobs: list[int] = []  # of the batch

    def busy(self) -> float:
        """The share of the processors that is busy at this moment, 0 to 1."""
        wanted = sum(map(running, [*self.pids, *self.jobs]))
        return min(1.0, wanted / self.cpus)

    def busy_while(self, going_on: Callable[[], object]) -> float:
        """The mean of `busy` for as long as `going_on()` is true, which takes its time,
        or waits a little."""
        seen = [self.busy()]
        while going_on():
            seen.append(self.busy())
        return mean(seen)

    def note(self, run: Recorder, crowd: Crowd, tick: int) -> None:
        """Enter how busy it is until the crowd is answered: the figure "cpu", 0 to 1,
        with the tick in `extra`, and whether the batch ran."""
        value = self.busy_while(lambda: crowd.going_on(LOOK_S))
        figure(run, "app", "cpu", value, tick=tick, batch=bool(self.jobs))

    @contextmanager
    def batch(self, folder: str | Path) -> Iterator[Callable[[], float]]:
        """A batch job that keeps all processors busy inside the block.

        Yields a function that tells how many seconds of a processor it has had.
        folder: where it runs; a server's own, so that it is ended with the server
        whatever happens.
        """
        started = [subprocess.Popen(BATCH, cwd=folder) for _ in range(self.cpus)]
        self.jobs = [job.pid for job in started]
        try:
            watched = [psutil.Process(pid) for pid in self.jobs]

            def had() -> float:
                return sum(sum(one.cpu_times()[:2]) for one in watched)

            late = "the batch gets no processor"
            wait_until(lambda: all(map(running, self.jobs)) and had() > 0, 20, late)
            yield had
        finally:
            self.jobs = []
            for job in started:
                job.kill()
                job.wait()


def cpu(history: History, last: int | None = None) -> list[float]:
    """The figures "cpu" of a history, or the last so many of them."""
    found = [op.value for op in history.ops("figure", key="cpu")]
    return found[-last:] if last else found


def disturbed(history: History) -> set[int]:
    """The ticks of which the figures "cpu" tell nothing about the shop.

    Without its batch the machine has little to do. Where it seems full in two ticks in
    a row all the same, this computer is so busy with other things that requests pile
    up.
    """
    found: set[int] = set()
    figures = history.ops("figure", key="cpu")
    for one, other in pairwise(op for op in figures if not op.extra["batch"]):
        if min(one.value, other.value) > FULL:
            found |= {one.extra["tick"], other.extra["tick"]}
    return found


def running(pid: int) -> int:
    """How many threads of the process run, or would if they got a processor."""
    states = []
    for entry in Path(f"/proc/{pid}/task").glob("*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            states.append(entry.read_text().rpartition(")")[2])
    if not states:  # as on a Mac, where the process alone is seen
        asked = ["ps", "-o", "stat=", "-p", str(pid)]
        found = subprocess.run(asked, capture_output=True, text=True, check=False)
        states = found.stdout.split()
    return sum(state.strip().startswith("R") for state in states)
