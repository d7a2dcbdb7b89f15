"""Orders in PostgreSQL and what tells of them elsewhere: events, and parcels.

The tables of an outbox, the records of events, steps that a process can die between
(see `staff`), checkouts that overlap, and the promise that both places agree.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.errors import RaiseException

from .. import checks, faults
from ..history import History, Op
from .records import Recorder, refusable
from .staff import Died, Process, Staff, Step
from .tables import Tables, insert
from .topics import Died as DiedSending
from .topics import Topics
from .traffic import Order

if TYPE_CHECKING:
    from ..servers.kafka import Kafka
    from ..servers.postgres import Postgres, PostgresNode

TABLES = """
drop table if exists outbox, parcels, handled;
create table outbox (
    id         bigint generated always as identity primary key,
    xid        xid8 not null default pg_current_xact_id(),
    order_id   bigint not null,
    created_at timestamptz not null default now(),
    sent_at    timestamptz
);
create table parcels (
    id       bigint generated always as identity primary key,
    order_id bigint not null
);
create table handled (event_id bigint primary key);
"""
CLAIM = """select id, order_id from outbox where sent_at is null
           order by id limit %s for update skip locked"""
TURNS = 20  # batches after which a relay rests until it is called again

OPEN = """select count(*) from pg_stat_activity where
 application_name like 'checkout%' and state = 'idle in transaction'"""


class Event(NamedTuple):
    """An event's number, and the number of the order that it tells of."""

    number: int
    order: int


# Steps: each takes the process that does it, and what it works on.


def save(process: Process, order: Order) -> None:
    insert(process.session, order)


def to_outbox(process: Process, order: Order) -> None:
    note = "insert into outbox (order_id) values (%s)"
    process.session.execute(note, [order.order_id])


def commit(process: Process, work: object) -> None:
    process.session.commit()


def send(topics: Topics, events: Iterable[Event]) -> None:
    """Send events, and wait until Kafka has acknowledged all of them."""
    answers = [topics.send(json.dumps(event).encode()) for event in events]
    for answer in answers:
        answer.get(timeout=10)


def event_of(record: Any) -> Event:
    """The event in a record."""
    return Event(*json.loads(record.value))


class Shop:
    """A shop with an outbox: its `tables`, its `team`, and with Kafka the `events` of
    its topic.

    every: a process is killed at orders whose number is a multiple of this, by a fault
    `team.killed(...)`.
    """

    events: Topics

    def __init__(self, db: Postgres, kafka: Kafka | None = None, every: int = 10):
        self.tables = Tables(db, more=TABLES)
        if kafka:
            self.events = Topics(kafka)
        self.team = Staff(db.primary, every)

    def reset(self) -> None:
        """New processes, empty tables, a fresh topic."""
        self.team.dismiss()
        self.tables.create()
        if hasattr(self, "events"):
            self.events.fresh()

    def receive(self, run: Recorder, **extra: Any) -> None:
        """Take what the group has not had yet: an inner "receive" of "fulfilment" on
        "orders" for each event, value its order, extra {event}."""
        for record in self.events.pending():
            event = event_of(record)
            who = "fulfilment", "receive", "orders", event.order
            with run.call(*who, inner=True, event=event.number, **extra):
                self.events.done(record)

    def keep_at(self, relay: Callable[[], object]) -> None:
        """Let a relay of one piece do its work. One that dies (see `worker_dies`) is
        replaced, and the new one begins again."""
        while True:
            try:
                relay()
                return
            except DiedSending:
                with suppress(Died):
                    self.team.die(self.team.the("relay"))

    def relay(self, run: Recorder, steps: Iterable[Step], batch: int) -> None:
        """Claim rows of the outbox, at most `batch` at a time, and do the relay's steps
        with them, `step(process, events)`, until none is left unsent, or `TURNS` times.

        A relay that is killed is replaced: its claims are free again.
        """
        steps = list(steps)
        for _ in range(TURNS):
            session = self.team.the("relay").session
            rows = session.execute(CLAIM, [batch]).fetchall()
            if not rows:
                return
            claimed = [Event(*row) for row in rows]
            numbers = [event.order for event in claimed]
            with suppress(Died):
                self.team.does("relay", steps, claimed, numbers, run)

    def work(self, run: Recorder, steps: Iterable[Step]) -> None:
        """Do the worker's steps, `step(process, record)`, with each record after its
        offset: an inner "take" of "worker" on "orders" each, value its order.

        A worker that is killed is replaced by one that begins at the stored offset.
        """
        steps, done = list(steps), False
        while not done:
            with suppress(Died):
                for record in self.events.pending():
                    number = event_of(record).order
                    with run.call("worker", "take", "orders", number, inner=True):
                        self.team.does("worker", steps, record, [number])
                done = True

    def deliver(self, run: Recorder) -> None:
        """What customers see of parcels: an inner "process" of "courier" on "orders"
        for each, value its order."""
        parcels = "select order_id from parcels order by id"
        for (number,) in self.tables.db.primary.sql(parcels):
            with run.call("courier", "process", "orders", number, inner=True):
                pass


# Checkouts that overlap


def checkout(
    run: Recorder, process: Process, order: Order, rows: int = 1, first: str = ""
) -> Generator[None]:
    """A checkout that goes one step at each `next`: it saves the order, puts `rows`
    rows into the outbox, commits. Recorded as a refusable "write" of its customer.

    first: a statement that its transaction begins with. An exception that is thrown in
    rolls it back; so does an error of the server.
    """
    session, number = process.session, order.order_id
    note = "insert into outbox (order_id) select %s from generate_series(1, %s)"
    with refusable(run, f"customer {number}", "write", "orders", number):
        if first:
            session.execute(first.encode())
        insert(session, order)
        yield
        session.execute(note, [number, rows])
        yield
        session.commit()
    session.rollback()


class Plans:
    """Groups of checkouts that overlap as planned, all in one thread.

    plans: of the groups, in turn. "AA BBB . A" is two steps of A, all three of B, a
    look, the last step of A; a small letter is a customer who is refused and rolled
    back. One who has ended does nothing more. A colon is a look, too, and the step
    behind it is taken in the midst of it, after its first statement.
    """

    def __init__(self, node: PostgresNode, *plans: str) -> None:
        self.node = node
        self.plans = plans
        self.open = 0

    def play(
        self,
        group: int,
        checkouts: Mapping[str, Generator[None]],
        look: Callable[[], object],
    ) -> None:
        """Take a group, counted from 0, through its plan. checkouts: by capital."""
        steps = iter(self.plans[group % len(self.plans)].replace(" ", ""))
        for step in steps:
            if step in ".:":
                self.open += self.node.value(OPEN)
                with self._meanwhile(checkouts, next(steps) if step == ":" else ""):
                    look()
            else:
                self._step(checkouts, step)

    def _step(self, checkouts: Mapping[str, Generator[None]], step: str) -> None:
        if step in checkouts:
            next(checkouts[step], None)
        else:
            with suppress(StopIteration, RaiseException):
                checkouts[step.upper()].throw(RaiseException("refused"))

    @contextmanager
    def _meanwhile(
        self, checkouts: Mapping[str, Generator[None]], step: str
    ) -> Iterator[None]:
        """Take the step, if there is one, after the next statement to the node."""
        asked = self.node.sql

        def first(query: str, params: Any = None) -> list[tuple[Any, ...]]:
            self.node.sql = asked  # type: ignore[method-assign]
            rows = asked(query, params)
            self._step(checkouts, step)
            return rows

        if step:
            self.node.sql = first  # type: ignore[method-assign]
        try:
            yield
        finally:
            self.node.sql = asked  # type: ignore[method-assign]

    def replaced(self, *plans: str) -> faults.Fault:
        """A fault: other plans. Meter: checkouts that were open at a look."""
        return _replaced(self, plans)


@faults.fault("overlapping transactions")
def _replaced(planned: Plans, plans: tuple[str, ...]) -> faults.Body:
    before, planned.plans, planned.open = planned.plans, plans, 0
    yield lambda: planned.open
    planned.plans = before


@checks.check(
    "both places agree",
    "orders",
    "An order is stored if and only if its {what} is there.",
    "nobody ordered",
)
def agree(
    history: History, *, told: str = "receive", what: str = "event", once: bool = False
) -> checks.Findings:
    """Do two places agree on which orders there are?

    An order is known by the value of its "write", and is *stored* when it is in the
    last "read back". It is *told* by each acknowledged operation named `told` that has
    its value: an event that was received, a parcel that was delivered.

    Violation: an order that is stored and not told (missing), told and not stored
    (phantom), acknowledged and not stored (lost), or, with `once`, told more than once
    (twice). Each order is counted once.

    Counts: missing, phantom, lost, twice; and extra: tellings after an order's first.

    Cost: O(n).
    """
    found = checks.Findings()
    placed = {op.value: op for op in history.ops("write")}
    sure = {op.value for op in history.ops("write", outcome="ok")}
    tellings: dict[Any, list[Op]] = {}
    for op in history.ops(told, outcome="ok"):
        tellings.setdefault(op.value, []).append(op)
    left = history.ops("read back", outcome="ok")
    stored = set(left[-1].value) if left else set()
    again = {n for n, ops in tellings.items() if once and len(ops) > 1}
    wrong = {
        "missing": (stored - tellings.keys(), "is stored, but its {} is not there"),
        "phantom": (tellings.keys() - stored, "is not stored, but its {} is there"),
        "lost": (sure - stored, "was confirmed, but is not stored"),
        "twice": (again, "has its {} more than once"),
    }
    every = placed.keys() | stored | tellings.keys()
    found.checked = len(every)
    found.counts = {kind: len(numbers) for kind, (numbers, _) in wrong.items()}
    found.counts["extra"] = sum(len(ops) - 1 for ops in tellings.values())
    if not left:
        found.doubt = "the orders were not read back at the end"
        return found
    for number in every:
        said = [says for numbers, says in wrong.values() if number in numbers]
        if said:
            sentence = f"order {number} {said[0].format(what)}"
            seen = tellings.get(number) or [placed[number]] * (number in placed)
            found.broke(sentence, number, ops=seen[-1:])
    return found
