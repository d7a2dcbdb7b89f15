"""Processes of the shop that can be killed after any step of their work.

Each has a session of its own. Killing one does to PostgreSQL what SIGKILL to a client
does: the connection ends without a goodbye, and its open transaction is rolled back.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from .. import faults
from ..wait import wait_until
from .records import Recorder

if TYPE_CHECKING:
    from ..servers.postgres import PostgresNode

# its pool and sessions report each death, and these are meant
logging.getLogger("psycopg").setLevel(logging.CRITICAL)


Step = Callable[["Process", Any], object]


class Died(ConnectionError):
    """The process that did the work is gone; its client gets no answer."""


class Process:
    """One process that does a job, with a session that does not commit by itself.

    memory: what it keeps in mind; it dies with it.
    """

    def __init__(self, job: str, node: PostgresNode) -> None:
        self.job = job
        self.session = node.connect(autocommit=False, application_name=job)
        self.memory: list[Any] = []

    @property
    def backend(self) -> int:
        """The number of the server's process that serves it."""
        return self.session.info.backend_pid


class Staff:
    """Who does which job now. A job whose process has died gets a new one.

    every: a process is killed at orders whose number is a multiple of this, at each of
    them once.
    """

    def __init__(self, node: PostgresNode, every: int = 10) -> None:
        self.node = node
        self.every = every
        self._now: dict[str, Process] = {}
        self._points: tuple[str, ...] = ()
        self._met: set[int] = set()

    def the(self, job: str) -> Process:
        """The process that does this job now."""
        if job not in self._now:
            self._now[job] = Process(job, self.node)
        return self._now[job]

    def does(
        self,
        job: str,
        steps: Iterable[Step],
        work: Any,
        orders: Iterable[int],
        run: Recorder | None = None,
        client: str = "",
    ) -> None:
        """Do a job step by step, `step(process, work)`; `orders` are the numbers of the
        orders that the work is about.

        With a run, each step is an inner operation named after its function, of
        `client` (the job) on "orders", value the orders' numbers, or the one number.
        Raises Died when the process is killed after a step: see `killed`.
        """
        process, numbers = self.the(job), list(orders)
        told = numbers[0] if len(numbers) == 1 else numbers
        for nth, step in enumerate(steps, start=1):
            who = client or job, name_of(step), "orders", told
            with run.call(*who, inner=True) if run is not None else nullcontext():
                step(process, work)
            self._reached(process, f"{job} {nth}", numbers)

    def _reached(self, process: Process, point: str, orders: list[int]) -> None:
        for number in orders:
            nth, rest = divmod(number, self.every)
            if not self._points or rest or number in self._met:
                continue
            if self._points[(nth - 1) % len(self._points)] == point:
                self._met.add(number)
                self.die(process)

    def die(self, process: Process) -> None:
        """End a process as SIGKILL does, and wait until the server has noticed.

        Raises Died, always.
        """
        backend = process.backend
        with socket.socket(fileno=os.dup(process.session.fileno())) as end:
            end.shutdown(socket.SHUT_RDWR)
        gone = "select 1 from pg_stat_activity where pid = %s"
        wait_until(
            lambda: not self.node.sql(gone, [backend]),
            10,
            "the server still holds the connection",
        )
        process.session.close()
        self._now.pop(process.job, None)
        raise Died(process.job)

    def killed(self, *points: str) -> faults.Fault:
        """A fault: processes are killed, each after one step of its job.

        points: job and step, "relay 2" is after the relay's second. The first order
        that kills (see `every`) does it at the first point, the next at the next, and
        then from the beginning; a job without that step outlives it. Meter: how many
        were killed.
        """
        return _killed(self, points)

    def dismiss(self) -> None:
        """End all processes in good order; the next `the` hires anew."""
        while self._now:
            self._now.popitem()[1].session.close()


def name_of(step: Any) -> str:
    """What histories call a step: the name of its function."""
    return step.__name__.replace("_", " ")


@faults.fault("killed")
def _killed(staff: Staff, points: tuple[str, ...]) -> faults.Body:
    staff._points, staff._met = points, set()
    yield lambda: len(staff._met)
    staff._points = ()
