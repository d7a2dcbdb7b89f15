"""Processes of the shop that can be killed at a named point of their work.

Each has a session of its own. Killing one does to PostgreSQL what SIGKILL to a client
does: the connection ends without a goodbye, and its open transaction is rolled back.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .. import faults
from ..wait import wait_until
from .records import Recorder

if TYPE_CHECKING:
    from ..servers.postgres import PostgresNode

# its pool and sessions report each death, and these are meant
logging.getLogger("psycopg").setLevel(logging.CRITICAL)


class Died(ConnectionError):
    """The process that did the work is gone; its client gets no answer."""


class Process:
    """One process that does a job, with a session that does not commit by itself.

    run: whose history its steps are recorded in, None: nobody's. client: for whom it
    works now, in that history.
    """

    def __init__(self, job: str, node: PostgresNode) -> None:
        self.job = job
        self.session = node.connect(autocommit=False, application_name=job)
        self.run: Recorder | None = None
        self.client = job

    @contextmanager
    def step(self, what: str, key: str, value: Any = None) -> Iterator[None]:
        """A step of its work, recorded as an inner operation of `client` if it has a
        run to record in."""
        if self.run is None:
            yield
        else:
            with self.run.call(self.client, what, key, value, inner=True):
                yield

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
        self._point: str | None = None
        self._met: set[int] = set()

    def the(self, job: str) -> Process:
        """The process that does this job now."""
        if job not in self._now:
            self._now[job] = Process(job, self.node)
        return self._now[job]

    def reached(self, process: Process, point: str, order_id: int) -> None:
        """A process has come to a point of its work. Raises Died if it is killed."""
        meant = point == self._point and order_id % self.every == 0
        if meant and order_id not in self._met:
            self._met.add(order_id)
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

    def killed(self, point: str) -> faults.Fault:
        """A fault: processes are killed at that point. Meter: how many were."""
        return _killed(self, point)

    def dismiss(self) -> None:
        """End all processes in good order; the next `the` hires anew."""
        while self._now:
            self._now.popitem()[1].session.close()


@faults.fault("killed")
def _killed(staff: Staff, point: str) -> faults.Body:
    staff._point, staff._met = point, set()
    yield lambda: len(staff._met)
    staff._point = None
