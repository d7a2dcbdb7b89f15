"""A crowd, and the connections that it takes of a server that has only so many.

    moment = slots.SlowMoment(db.primary)
    with slots.pools(login, servers=3, size=4) as entrance, moment.fault():
        slots.come(run, 40, entrance, moment, request)

An *entrance* is how a request comes by a connection: `connect(n)` for the n-th visitor,
as a context manager, and `queue()`, how many stand before it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ..checks import Verdict, everybody_is_answered
from ..faults import Body, fault
from ..history import History
from ..servers.postgres import give_up
from ..wait import TimedOut, wait_until
from . import tables
from .crowd import Crowd
from .records import Recorder, refusable

if TYPE_CHECKING:
    from psycopg_pool import ConnectionPool

    from ..servers.postgres import PostgresNode

ROLE, HOLDER = "storefront", "migration"
REFUSED = "53300"  # SQLSTATE: too many connections
# a pool tells of each try that is refused; here that is expected, and judged
logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
Login = Callable[..., tables.Connection]


@dataclass(frozen=True)
class Entrance:
    """connect(n, timeout=None): a connection for visitor n, given back at the end of
    its block; timeout, in seconds in a pool's queue, stands in place of the pool's own.
    queue(): how many wait for one outside the server."""

    connect: Callable[..., AbstractContextManager[tables.Connection]]
    queue: Callable[[], int] = lambda: 0


class SlowMoment:
    """Somebody holds a lock on `products`, until the whole crowd has come or longer."""

    def __init__(self, node: PostgresNode) -> None:
        self.node = node
        self._lock: tables.Connection | None = None
        self._longer = 0.0
        self._held = 0

    def fault(self, longer: float = 0) -> Any:
        """The fault. longer: seconds for which it outlasts the last visitor's arrival,
        if they are not all answered before. Meter: locks held when all had come."""
        return _slow_moment(self, longer)

    def passes(self, crowd: Crowd) -> None:
        """The lock is given up; nothing where there is none."""
        if self._lock is None:
            return
        self._held = tables.locks(self.node, HOLDER)
        if self._longer:
            with suppress(TimedOut):
                late = "some are still waiting"
                wait_until(lambda: not crowd.unanswered, self._longer, late)
        self._lock.rollback()
        self._lock = None


@fault("a slow moment")
def _slow_moment(moment: SlowMoment, longer: float) -> Body:
    lock = moment.node.connect(autocommit=False, application_name=HOLDER)
    lock.execute("lock table products")
    moment._lock, moment._longer, moment._held = lock, longer, 0
    yield lambda: moment._held
    moment._lock = None
    give_up(lock)


def come(
    run: Recorder,
    visitors: int,
    entrance: Entrance,
    moment: SlowMoment,
    request: Callable[..., Any],
    then: Callable[[], object],
) -> None:
    """Visitors come, each when the one before is answered or is seen to wait: behind a
    lock, or in the queue. So a state brings the next one, and not the clock.

    request(entrance, n): makes the page of visitor n. Recorded: "read", refusable.
    then: done when all have come, before the moment passes.
    """
    node = moment.node

    def visit(n: int) -> None:
        with refusable(run, f"visitor {n}", "read", f"store:{n}") as op:
            op.value = request(entrance, n)

    with Crowd() as crowd:
        try:
            for n in range(1, visitors + 1):
                crowd.send(visit, n)
                crowd.settle(lambda: tables.waiting(node, ROLE) + entrance.queue())
            then()
        finally:
            moment.passes(crowd)


@contextmanager
def pools(
    login: Login,
    servers: int,
    size: int,
    wait_s: float = 30,
    **more: Any,
) -> Iterator[Entrance]:
    """Application servers with a pool of `size` each; visitors are dealt out to them.

    login: as from `Tables.login`. wait_s: seconds that a visitor stands in a queue
    before psycopg_pool.PoolTimeout. more: for each connection, such as `options`. All
    connections are asked for at once, and each was given or refused when this begins.
    """
    from psycopg_pool import ConnectionPool

    class Session(tables.psycopg.Connection[Any]):
        @classmethod
        def connect(cls, conninfo: str = "", **kwargs: Any) -> Any:
            return login(**more)

    def opened(pool: ConnectionPool[Any]) -> bool:
        stats = pool.get_stats()
        tried = stats.get("pool_available", 0) + stats.get("connections_errors", 0)
        return tried >= size

    with ExitStack() as stack:
        made = [
            stack.enter_context(
                ConnectionPool(
                    "",
                    connection_class=Session,
                    min_size=size,
                    max_size=size,
                    timeout=wait_s,
                    open=True,
                )
            )
            for _ in range(servers)
        ]
        for pool in made:
            wait_until(partial(opened, pool), 20, "a pool does not open")
        yield Entrance(
            lambda n, timeout=None: made[n % servers].connection(timeout),
            lambda: sum(p.get_stats().get("requests_waiting", 0) for p in made),
        )


def ms_each(entrance: Entrance, query: str, requests: int, at_once: int = 1) -> float:
    """How many milliseconds one of so many requests takes, connection and query.

    at_once: how many may be under way. Then it is the time of all, divided.
    """

    def one(n: int) -> None:
        with entrance.connect(n) as session:
            session.execute(query.encode())

    began = time.monotonic()
    with Crowd() as crowd:
        for n in range(requests):
            crowd.send(one, n)
            crowd.settle(lambda: at_once - 1)
    return 1000 * (time.monotonic() - began) / requests


def answered(history: History, *, within_s: float) -> Verdict:
    """`checks.everybody_is_answered`, where an answer later than `within_s` seconds
    after the request is none."""
    late = f"failed: no answer within {within_s:g} s"
    asked = History()
    for op in history:
        in_time = op.op != "read" or op.seconds <= within_s
        asked.add(op if in_time else replace(op, outcome="fail", error=late))
    return everybody_is_answered(asked)


WHO = """select usename, application_name, wait_event_type, count(*)
 from pg_stat_activity where backend_type = 'client backend' and state <> 'starting'
 group by 1, 2, 3 order by 4 desc, 2"""


def sessions(node: PostgresNode) -> list[tuple[str, str, str, int]]:
    """Who is connected: role, application, the kind of what it waits for, how many."""
    return node.sql(WHO)


def refusals(node: PostgresNode) -> list[str]:
    """The lines of the server's log about connections that it refused, oldest first.

    Its log must begin with the SQLSTATE: log_line_prefix "%e ".
    """
    return [line for line in node.whole_log().splitlines() if line.startswith(REFUSED)]
