"""A small machine that the shop rents: which of its processes run, and a batch job
that takes all of it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import mean

from ..wait import wait_until

# the nicest there is: the batch takes only what nobody else wants
BATCH = ["nice", "-n", "19", "sh", "-c", "while :; do :; done"]


class Machine:
    """Processors and the processes that are counted as running on them.

    cpus: of the machine. pids: of the processes that are there from the start.
    """

    def __init__(self, cpus: int, *pids: int) -> None:
        self.cpus = cpus
        self.pids = list(pids)

    def busy(self) -> float:
        """The share of the processors in use at this moment, 0 to 1."""
        return min(1.0, sum(map(running, self.pids)) / self.cpus)

    def busy_while(self, going_on: Callable[[], object]) -> float:
        """The mean of `busy` for as long as `going_on()` is true, looked at every
        hundredth of a second or so. `going_on` takes its time, or waits a little."""
        seen = [self.busy()]
        while going_on():
            seen.append(self.busy())
        return mean(seen)

    @contextmanager
    def batch(self, folder: str | Path) -> Iterator[None]:
        """A batch job that keeps all processors busy inside the block.

        folder: where it runs; a server's own, so that it is ended with the server
        whatever happens.
        """
        jobs = [subprocess.Popen(BATCH, cwd=folder) for _ in range(self.cpus)]
        self.pids += [job.pid for job in jobs]
        try:
            late = "the batch does not run"
            wait_until(lambda: all(running(job.pid) for job in jobs), 10, late)
            yield
        finally:
            for job in jobs:
                job.kill()
                job.wait()
                self.pids.remove(job.pid)


def running(pid: int) -> bool:
    """Whether a thread of the process runs, or would if it got a processor."""
    states = []
    for entry in Path(f"/proc/{pid}/task").glob("*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            states.append(entry.read_text().rpartition(")")[2])
    if not states:  # as on a Mac
        asked = ["ps", "-o", "stat=", "-p", str(pid)]
        found = subprocess.run(asked, capture_output=True, text=True, check=False)
        states = found.stdout.split()
    return any(state.strip().startswith("R") for state in states)
