"""Packers: workers of one consumer group, whose work is a row in PostgreSQL.

A packer takes orders from a topic, packs each (a row in `parcels`, and one piece less
in `stock`) and commits to Kafka how far it is. It may be killed in the middle of its
work, and it may be so slow that its group goes on without it; then another takes over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from kafka import TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata
from psycopg.errors import LockNotAvailable

from .. import faults
from ..servers.kafka import close_producer
from ..wait import TimedOut, wait_until
from .records import read_back, refusable
from .topics import Topics

if TYPE_CHECKING:
    from kafka import KafkaProducer

    from ..proof import Run
    from ..servers.kafka import Kafka
    from ..servers.postgres import Postgres

TABLES = """
drop table if exists parcels, packed, stock;
create table parcels (order_id int not null, packer text not null);
create table packed (order_id int primary key);
create table stock (pieces int not null);
insert into stock values (1000)"""


class Killed(Exception):
    """The packer's process is gone, its transaction with it, and Kafka was not told."""


class Way(NamedTuple):
    """How a packer works.

    handle(packer, orders): packs a batch and commits. at_once: `max.poll.records`.
    settings: of the consumer, besides, as pairs of name and value.
    """

    handle: Callable[[Packer, list[int]], None]
    at_once: int = 10
    settings: tuple[tuple[str, Any], ...] = ()


class Packer:
    """One worker: a consumer of the group, and a session that commits each statement
    unless `with packer.session.transaction()` holds several together.

    memory: what this process remembers, a set of orders.
    """

    def __init__(self, team: Packers, name: str, run: Run, way: Way) -> None:
        self.team = team
        self.name = name
        self.run = run
        self.way = way
        self.memory: set[int] = set()
        self.session = team.db.primary.connect(application_name=name)
        # one who waits for a colleague's transaction gives up, and takes it up again
        self.session.execute("set lock_timeout = '1s'")
        settings = {
            "group_id": team.topics.name,
            "max_poll_records": way.at_once,
            "max_poll_interval_ms": team.interval_ms,
            "heartbeat_interval_ms": 100,
            "session_timeout_ms": 20_000,
        }
        self.consumer = team.kafka.consumer(
            team.topics.name, **{**settings, **dict(way.settings)}
        )

    def take(self) -> list[int]:
        """The next orders, at least one."""
        found: list[int] = []

        def some() -> list[int]:
            for records in self.consumer.poll(500).values():
                found.extend(int(record.value) for record in records)
            return found

        return wait_until(some, 30, f"{self.name} got nothing")

    def look(self, order: int) -> bool:
        """Whether there is a parcel for the order."""
        query = "select exists (select from parcels where order_id = %s)"
        row = self.session.execute(query, [order]).fetchone()
        self.team.reached(self, "slow", order)
        return bool(row and row[0])

    def claim(self, order: int) -> bool:
        """Enter the order among those that are packed, where each can be once: whether
        it was not there before. Until the transaction ends, others wait."""
        self.team.reached(self, "slow", order)
        added = "insert into packed values (%s) on conflict do nothing"
        return self.session.execute(added, [order]).rowcount == 1

    def pack(self, order: int) -> None:
        """Do the work, recorded as "process"."""
        with self.run.call(self.name, "process", "parcels", order, inner=True):
            self.team.reached(self, "slow", order)
            self.team.reached(self, "killed", order)
            self.session.execute("update stock set pieces = pieces - 1")
            self.session.execute(
                "insert into parcels values (%s, %s)", [order, self.name]
            )

    def commit(self) -> None:
        """Tell Kafka that all that was taken is done, recorded. It is refused to a
        packer that is not in the group any more."""
        with refusable(self.run, self.name, "commit", "orders", inner=True):
            self.consumer.commit()

    def commit_in_transaction(self) -> None:
        """The same inside a transaction of Kafka's, as `exactly once` is set up."""
        place = TopicPartition(self.team.topics.name, 0)
        done = {place: OffsetAndMetadata(self.consumer.position(place), "", -1)}
        told = refusable(self.run, self.name, "commit", "orders", inner=True)
        with told, self.team.transaction() as producer:
            member = self.consumer.group_metadata()
            producer.send_offsets_to_transaction(done, member)

    def take_up_again(self) -> None:
        """Go back to what the group has committed: the batch comes once more."""
        for place in self.consumer.assignment():
            self.consumer.seek(place, self.consumer.committed(place) or 0)

    def gone(self) -> None:
        """End as SIGKILL ends a process: no goodbye to the group."""
        self.session.close()
        self.consumer._coordinator._close_heartbeat()


class Packers:
    """The group. interval_ms: how long it waits between two polls of a member
    (`max.poll.interval.ms`). slow_s: how long the slow packing takes at most."""

    def __init__(
        self, kafka: Kafka, db: Postgres, interval_ms: int, slow_s: float
    ) -> None:
        self.kafka = kafka
        self.db = db
        self.topics = Topics(kafka, group="")
        self.interval_ms = interval_ms
        self.slow_s = slow_s
        self.points: dict[tuple[str, int], Callable[[Packer], None]] = {}
        self.lost: list[str] = []  # packers that were expelled or killed
        self._hired = 0
        self._successors: list[Packer] = []
        self._producer: KafkaProducer | None = None

    def begin(self, run: Run, orders: range) -> None:
        """Empty tables, a fresh topic, and the orders in it, recorded."""
        self.db.primary.sql(TABLES)
        self.topics.group = self.topics.fresh()
        self._hired, self.lost, self._producer = 0, [], None
        for n in orders:
            with run.call("shop", "produce", "parcels", n):
                self.topics.send(str(n).encode()).get(20)

    def hire(self, run: Run, way: Way) -> Packer:
        self._hired += 1
        return Packer(self, f"packer {self._hired}", run, way)

    def work(self, run: Run, way: Way) -> None:
        """Packers work, one after another, until all orders are committed. The parcels
        are then read back; a packing that left none was rolled back, and has failed."""
        packer = self._turn(self.hire(run, way))
        while self.left():
            packer = self._turn(packer)
        self._end(packer)
        parcels = "select order_id, packer from parcels order by 1"
        done = Counter(self.db.primary.sql(parcels))
        read_back(run, "parcels", sorted(order for order, _ in done.elements()))
        for op in run.history.ops("process", outcome="ok"):
            packed = op.value, op.client
            if done[packed]:
                done[packed] -= 1
            else:
                op.outcome, op.error = "fail", "rolled back: its packer was killed"
        if done.total():
            raise RuntimeError(f"packed, and not recorded: {done}")

    def left(self) -> int:
        """Orders that are not committed."""
        return sum(end - done for done, end in self.topics.offsets())

    def reached(self, packer: Packer, what: str, order: int) -> None:
        """A packer has come to a point of its work, where something may happen once."""
        if happens := self.points.pop((what, order), None):
            happens(packer)

    def bad_day(self, slow: int, kill: int) -> faults.Fault:
        """A fault: the packer is slow with the order `slow`, and killed when it is at
        the order `kill`. Meter: packers that the group has lost."""
        return _bad_day(self, slow, kill)

    def members(self) -> list[Any]:
        """Of the group, as kafka-consumer-groups.sh --members prints them."""
        name = self.topics.group
        with self.kafka.asked() as admin:
            return list(admin.describe_groups([name])[name]["members"])

    @contextmanager
    def transaction(self) -> Iterator[KafkaProducer]:
        """A producer in a transaction, which is committed in the end. It is kept for
        the run, but not after an error: a new one ends what it has left open."""
        producer, self._producer = self._producer, None
        if producer is None:
            name = f"packing {self.topics.name}"
            producer = self.kafka.producer(transactional_id=name)
            producer.init_transactions()
        try:
            producer.begin_transaction()
            yield producer
            producer.commit_transaction()
        except KafkaError:
            close_producer(producer, within=1)
            raise
        self._producer = producer

    def _turn(self, packer: Packer) -> Packer:
        """One batch; returns who works next."""
        orders = packer.take()
        try:
            packer.way.handle(packer, orders)
        except Killed:
            self.lost.append(packer.name)
            packer.gone()
            return self.hire(packer.run, packer.way)
        except LockNotAvailable:
            packer.take_up_again()
        if packer.name not in self.lost:
            return packer
        self._end(packer)  # it was given up long ago, and finds out now
        return self._successors.pop()

    def _end(self, packer: Packer) -> None:
        packer.session.close()
        packer.consumer.close()

    def _slow(self, packer: Packer) -> None:
        """The packer takes so long that its group goes on without it: another one takes
        the batch and does it, and only then does the slow one go on."""
        with suppress(TimedOut):
            wait_until(lambda: not self.members(), self.slow_s, "still a member")
        if self.members():
            return  # its interval is longer than it was slow
        self.lost.append(packer.name)
        successor = self.hire(packer.run, packer.way)
        self._successors.append(self._turn(successor))  # who may be killed in turn

    def _kill(self, packer: Packer) -> None:
        raise Killed(packer.name)


@faults.fault("a bad day")
def _bad_day(team: Packers, slow: int, kill: int) -> faults.Body:
    team.points = {("slow", slow): team._slow, ("killed", kill): team._kill}
    yield lambda: len(team.lost)
    team.points = {}
