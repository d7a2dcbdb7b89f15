"""A night in the shop: a heartbeat, a cleanup, and reports that are read on a replica.

A heartbeat is a row that only the primary writes, and everybody else can only read: as
old as the row on a replica is, so old is everything there.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg

from ..faults import Body, Fault, fault
from ..history import History, Op
from ..servers.postgres import give_up
from ..wait import wait_until
from .crowd import Crowd
from .records import Recorder, figure, figures, refusable
from .tables import Tables, sessions

if TYPE_CHECKING:
    from ..servers.postgres import Postgres, PostgresNode, Replica

KEY = "heartbeat"
TABLE = "create table if not exists heartbeat (beat integer not null)"
BEAT = "update heartbeat set beat = %s"
SEEN = "select beat from heartbeat"
HELD_UP = """select count(*) > 0 from pg_stat_activity
 where backend_type = 'startup' and wait_event like 'RecoveryConflict%%'"""
DEAD = "select dead_tuple_count from pgstattuple('orders')"
SUM = "select sum(amount_cents) from orders"


class Heart:
    """The heartbeat of a PostgreSQL server, and those who look at it."""

    def __init__(self, db: Postgres) -> None:
        self.db = db
        self._last: Op | None = None
        self.still()

    def still(self) -> None:
        """Back to beat 0. Replicas have it.

        The table begins anew: some 200 beats fill its page with old versions, and
        their removal would be one more thing that a report on a replica can hold up.
        """
        self._last = None
        with self.db.primary.connect() as session:
            session.execute(TABLE)
            session.execute("truncate heartbeat")
            session.execute("insert into heartbeat values (0)")
        end = self.db.primary.lsn()
        for replica in self.db.replicas:
            replica.wait_for(end)

    def beat(self, run: Recorder | None, number: int) -> Op:
        """One beat, recorded: "write" on "heartbeat" by "heart", its number as the
        version. Without a run nobody records it."""
        history = History() if run is None else run
        with history.call("heart", "write", KEY, number, node="primary") as op:
            self.db.primary.sql(BEAT, [number])
            op.version = number
        self._last = op
        return op

    @contextmanager
    def watched(self, run: Recorder, replica: Replica, due: float) -> Iterator[None]:
        """Look at the heartbeat on a replica all the time, as shoppers do.

        After the block until its last beat is seen, or until a look is called more
        than `due` seconds after that beat was acknowledged.

        Recorded: an inner "read" by "shopper" each, since how many there are is a
        matter of the machine. One that replay cancels has failed, and the next is made
        on a new connection.
        """
        ended = threading.Event()
        sessions: list[psycopg.Connection[Any]] = []

        def look() -> Op:
            with refusable(run, "shopper", "read", KEY, inner=True) as op:
                op.node = replica.name
                if not sessions or sessions[-1].closed:
                    sessions.append(replica.connect(application_name="shopper"))
                op.version = sessions[-1].execute(SEEN).fetchall()[0][0]
            return op

        def seen_or_due() -> bool:
            over = ended.is_set()  # before the look, which is then after the last beat
            seen, last = look(), self._last
            if not over or last is None or last.t_ret is None:
                return over
            late = seen.t_call > last.t_ret + due
            return late or (seen.version or 0) >= (last.version or 0)

        late = "the last heartbeat was never looked for"
        with Crowd(within=60) as crowd:
            crowd.send(wait_until, seen_or_due, 60, late)
            try:
                yield
            except BaseException:
                self._last = None
                raise
            finally:
                ended.set()
        for session in sessions:
            session.close()


def until_met(replica: Replica, within: float = 10) -> None:
    """Wait until replay stands before a reader, or has everything that there is."""
    end = replica.primary.lsn()
    late = "replay neither waits for a reader nor goes on"
    met = lambda: replica.ask(HELD_UP) or replica.has_replayed(end)  # noqa: E731
    wait_until(met, within, late)


class Night:
    """A shop with orders to clean up, its heart and its reports.

    orders: rows; the cleanup deletes the older half and vacuums the table. The server
    must have the extension pgstattuple, which counts dead rows.
    """

    def __init__(self, db: Postgres, orders: int) -> None:
        self.db = db
        self.orders = orders
        self.tables = Tables(db, more="create extension if not exists pgstattuple")
        self.heart, self.reports = Heart(db), Reports()

    def dusk(self) -> None:
        """All orders there, the heart at 0, nobody reads, replicas at their defaults
        and up to date."""
        self.reports.end()
        for replica in self.db.replicas:
            replica.set(max_standby_streaming_delay=None, hot_standby_feedback=None)
        self.tables.fill_orders(self.orders)
        self.heart.still()

    def delete_old(self) -> None:
        older_half = "delete from orders where id <= %s"
        self.db.primary.sql(older_half, [self.orders // 2])

    def cleanup(self) -> None:
        self.delete_old()
        self.db.primary.sql("vacuum orders")

    def cleanup_under_a_clerk(
        self, run: Recorder, replica: Replica, meanwhile: Callable[[], object]
    ) -> None:
        """The cleanup, while a clerk is in the middle of a short report on the replica.

        When replay has met the clerk, or is past the cleanup, `meanwhile()` is called;
        then the report is finished: "read" on "orders" by "clerk".
        """
        self.reports.begin(replica, "clerk")
        self.cleanup()
        until_met(replica)
        meanwhile()
        self.reports.finish(run, replica, "clerk")
        self.reports.end("clerk")

    def dawn(self, run: Recorder, replica: Replica) -> None:
        """The analyst finishes her report, or makes one, and the primary's dead rows
        are counted: the figure "dead rows"."""
        self.reports.finish(run, replica, "analyst")
        figure(run, "primary", "dead rows", lambda: self.db.primary.value(DEAD))

    def long_report(self, replica: Replica) -> Fault:
        """A fault: the analyst's report is open on the replica, the whole night.

        Meter: 1 while it is open, or when somebody else has ended it.
        """
        return long_report(self.reports, replica)

    def stuck(self, beats: int) -> None:
        """A cleanup and that many beats that nobody records, with a replica that waits
        for ever, until it does and the primary knows what it has received."""
        self.cleanup()
        for number in range(1, beats + 1):
            self.heart.beat(None, number)
        replica = self.db.replica
        replica.settle(self.db.primary.lsn())
        replica.until(replica.told, 10, "tell that it has received everything")


def price(run: Any) -> dict[str, Any]:
    """What a night's run cost whom: heartbeats that were seen late, dead rows kept,
    and what became of the analyst's report."""
    [analyst] = run.history.ops("read", client="analyst")
    return {
        "late heartbeats": run.verdict.violations,
        "dead rows": figures(run.history, "dead rows")[-1],
        "long report": "finished" if analyst.outcome == "ok" else "lost",
    }


def oldest_ms(run: Any) -> int:
    """How old the oldest heartbeat was that a shopper saw, in milliseconds.

    By one clock, the client's, which never steps: a beat's age is counted from the
    moment when the next one was done.
    """
    beats = {op.version: op.t_ret for op in run.history.ops("write")}
    looks = run.history.ops("read", client="shopper", outcome="ok")
    ages = [op.t_call - beats.get(op.version + 1, op.t_call) for op in looks]
    return round(1000 * max(ages))


WAITED = r"recovery finished waiting after ([0-9.]+) ms"


def waits_ms(replica: Replica) -> list[float]:
    """The waits of replay that the replica's log tells of, oldest first: those longer
    than deadlock_timeout, where log_recovery_conflict_waits is on."""
    return [float(ms) for ms in re.findall(WAITED, replica.whole_log())]


@fault("a long report is open")
def long_report(reports: Reports, replica: Replica) -> Body:
    reports.begin(replica, "analyst")
    yield lambda: reports.there("analyst")
    reports.end("analyst")
    replica.wait_for(replica.received())


class Reports:
    """Those who read for long, by name ("analyst").

    A report adds up all orders twice in one transaction, which keeps its snapshot.
    """

    def __init__(self) -> None:
        self._open: dict[str, tuple[PostgresNode, psycopg.Connection[Any]]] = {}

    def begin(self, node: PostgresNode, who: str) -> None:
        """The first sum; the transaction stays open."""
        self.end(who)
        session = node.connect(autocommit=False, application_name=who)
        self._open[who] = node, session
        session.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        session.execute(SUM)

    def finish(self, run: Recorder, node: PostgresNode, who: str) -> Op:
        """The second sum, recorded: "read" on "orders", extra {cents}. It has failed
        when replay, or somebody, ended the transaction. Who has none open makes a whole
        report, on `node`, and ends it."""
        short = who not in self._open
        with refusable(run, who, "read", "orders") as op:
            if short:
                self.begin(node, who)
            where, session = self._open[who]
            op.node = where.name
            op.extra["cents"] = int(session.execute(SUM).fetchall()[0][0])
        if short:
            self.end(who)
        return op

    def there(self, who: str) -> int:
        """1 while a report is open, or after somebody else has ended it; else 0."""
        if who not in self._open:
            return 0
        node, session = self._open[who]
        return int(session.closed or bool(sessions(node, who)))

    def end(self, *who: str) -> None:
        """The sessions of these, or of all, are closed."""
        for name in who or tuple(self._open):
            if name in self._open:
                give_up(self._open.pop(name)[1])
