"""A day of the shop, counted in ticks and not clocked, and what goes wrong in it.

A tick stands for a stretch of a real day, five minutes say; what happens in it happens
as fast as the servers can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..faults import Body, Fault, fault
from . import tables
from .machine import Machine

if TYPE_CHECKING:
    from ..servers.postgres import PostgresNode

T = TypeVar("T")
Make = Callable[[], Fault]
Stretch = tuple[list[int], AbstractContextManager[Any]]


class Plan:
    """Which fault is there in which ticks. Made once; a fault of its own fills it.

    plan = Plan()
    for ticks, trouble in plan.day(53):
        with trouble:
            for tick in ticks: ...
    """

    def __init__(self) -> None:
        self._faults: dict[range, Make] = {}
        self._read: dict[range, float] = {}

    def day(self, ticks: int) -> Iterator[Stretch]:
        """The ticks 0, 1, ... in stretches, each with what goes wrong in it."""
        by_tick = {tick: when for when in self._faults for tick in when}
        for when, stretch in groupby(range(ticks), by_tick.get):
            yield list(stretch), self._there(when) if when else nullcontext()

    def through(self, steps: Sequence[T]) -> Iterator[T]:
        """The steps of a schedule, one a tick, each with what goes wrong in it."""
        for ticks, trouble in self.day(len(steps)):
            with trouble:
                for tick in ticks:
                    yield steps[tick]

    @contextmanager
    def _there(self, when: range) -> Iterator[None]:
        with self._faults[when]() as made:
            yield
            self._read[when] = made.meter()

    def fault(self, faults: Mapping[range, Make]) -> Fault:
        """The fault of a whole day: what makes each one, by the ticks in which it is
        there, no two at a time. Meter: the least that one of them read at its end, and
        0 when one was not there."""

        def body() -> Body:
            self._faults, self._read = dict(faults), {}
            yield lambda: min((self._read.get(when, 0) for when in faults), default=0)
            self._faults = {}

        return Fault("a bad day", body)


@fault("table locked")
def locked(node: PostgresNode, table: str) -> Body:
    """A session called "migration" has locked a table and does not commit. Meter: locks
    on it that the session has been granted."""
    lock = f"lock table {table} in access exclusive mode"
    with tables.left_open(node, lock, name="migration"):
        yield lambda: tables.locks(node, "migration", table)


@fault("a column renamed")
def renamed(node: PostgresNode, table: str, column: str) -> Body:
    """A release has given a column another name than the application asks for. Meter: 1
    while there is none of the old one."""
    there = """select count(*) from information_schema.columns
     where table_name = %s and column_name = %s"""
    rename = f"alter table {table} rename column"
    node.sql(f"{rename} {column} to {column}_2")
    yield lambda: 1 - node.value(there, [table, column])
    node.sql(f"{rename} {column}_2 to {column}")


@fault("batch")
def batch(host: Machine, folder: Path) -> Body:
    """A batch job on a machine, see `Machine.batch`. Meter: the seconds of a processor
    that it has had."""
    with host.batch(folder) as had:
        yield had
