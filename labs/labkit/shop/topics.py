"""The shop's orders on Kafka: topics, records, workers and what they have left to do.

A topic is never used twice: `Topics.fresh` makes a new one for each run, so that a
run finds nothing of the one before, and a cell can be run again.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack, closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kafka import TopicPartition
from kafka.errors import KafkaError, TopicAlreadyExistsError
from kafka.structs import OffsetAndMetadata

from ..checks import Findings, check, counted
from ..faults import fault
from ..history import History, Op
from ..wait import wait_until
from .records import Recorder
from .traffic import Order

if TYPE_CHECKING:
    from kafka import KafkaConsumer, KafkaProducer

    from ..faults import Body
    from ..servers.kafka import Kafka

# of this kernel, for all topics: their names are the same in every run of a lab, and
# no cell meets a topic that an earlier run of it has made
_numbers: dict[tuple[int, str], itertools.count[int]] = {}

MARK = b"mark"
IMPATIENT = {"request_timeout_ms": 3000, "bootstrap_timeout_ms": 3000}


def by_store(order: Order) -> str:
    """The key that keeps the orders of one store in order: "store:7"."""
    return f"store:{order.store}"


def name_of(order: Order) -> str:
    """What records and histories call an order: "O-200"."""
    return f"O-{order.order_id}"


def as_json(order: Order) -> bytes:
    """The record of an order: {"order": "O-200", "cents": 1234}."""
    fields = {"order": name_of(order), "cents": order.amount_cents}
    return json.dumps(fields).encode()


def cancelled(order: Order) -> str:
    """The name of a cancellation: "O-200 cancelled"."""
    return f"{name_of(order)} cancelled"


def as_cancelled(order: Order) -> bytes:
    """The record of a cancellation."""
    return json.dumps({"order": cancelled(order)}).encode()


def with_comma(order: Order) -> bytes:
    """The record of an order as a bad release writes it: cents "12,34"."""
    cents = f"{order.amount_cents / 100:.2f}".replace(".", ",")
    return json.dumps({"order": name_of(order), "cents": cents}).encode()


@dataclass(frozen=True)
class Way:
    """How a worker works: handle(run, record) says whether to go on to the next
    record; batch is how many it takes per poll."""

    handle: Callable[[Any, Any], bool]
    batch: int = 20


class Died(Exception):
    """A worker's process is gone, at a named point. What it had not committed comes
    again, and what it had only in its memory is forgotten."""


@fault("poison message")
def poison_message(topics: Topics, order_id: int) -> Body:
    """A bad release writes this order's amount with a comma. Meter: records of the
    newest topic that cannot be read."""
    topics.spoilt.add(order_id)
    yield lambda: sum(raises(amount, record) for record in topics.records())
    topics.spoilt.clear()


@fault("a worker dies")
def worker_dies(topics: Topics, before: str) -> Body:
    """The next worker that is about to do this dies of it: "set aside" (send the
    record), "commit" (what it has set aside) or "send" (any record). Meter: workers
    that died."""
    topics.deadly, topics.deaths = before, 0
    yield lambda: topics.deaths
    topics.deadly = ""


class Topics:
    """Topics of one Kafka, a producer, and one worker for each partition.

    name: the newest topic's, which all methods mean unless another one is given.
    group: the consumer group of the workers. attempts: how often a record of the
    newest topic was handled and not done, by `place_of`.
    """

    def __init__(
        self, kafka: Kafka, base: str = "orders", group: str = "fulfilment"
    ) -> None:
        self.kafka = kafka
        self.base = base
        self.group = group
        self.name = ""
        self.partitions = 0
        self.attempts: Counter[tuple[str, int, int]] = Counter()
        self._before: dict[str, int] = {}  # what `ensure` made, and what it had before
        self.deadly, self.deaths = "", 0  # see `worker_dies`
        self.spoilt: set[int] = set()  # see `poison_message`
        self._producer: KafkaProducer | None = None
        self._workers: list[KafkaConsumer] = []
        self._reader: KafkaConsumer | None = None
        self._admin: Any = None

    def fresh(
        self,
        partitions: int = 1,
        assignments: dict[int, list[int]] | None = None,
        **config: str,
    ) -> str:
        """Make a topic that nobody has used, "orders-1", "orders-2", ...; its name.

        assignments: {partition: its brokers, leader first}, instead of `partitions`;
        then all of them are waited for. config: topic settings, with _ for the dot.
        """
        numbers = _numbers.setdefault((id(self.kafka), self.base), itertools.count(1))
        self.name = f"{self.base}-{next(numbers)}"
        self.partitions = len(assignments or range(partitions))
        self.attempts.clear()
        if assignments is None:
            self.kafka.create_topic(self.name, partitions, 1, **config)
            for other in self._before:
                self._before[other] = min(self.kafka.end_offsets(other))
            return self.name
        configs = {name.replace("_", "."): value for name, value in config.items()}
        made = {"assignments": assignments, "configs": configs}
        with self.kafka.short_lived_admin() as admin:
            admin.create_topics({self.name: made})
        self._forget_admin()
        self.in_sync(len(next(iter(assignments.values()))), self.name)
        return self.name

    def ensure(self, name: str, partitions: int = 1) -> str:
        """Make a topic unless it is there; its name."""
        with suppress(TopicAlreadyExistsError):
            self.kafka.create_topic(name, partitions=partitions)
        self._before[name] = 0
        return name

    @property
    def producer(self) -> KafkaProducer:
        """Waits for all in-sync replicas. Kept."""
        if self._producer is None:
            self._producer = self.kafka.producer()
        return self._producer

    def send(
        self,
        value: bytes,
        key: str | bytes | None = None,
        topic: str = "",
        headers: list[tuple[str, bytes]] | None = None,
    ) -> Any:
        """Hand one record to the producer; a future of its partition and offset."""
        self._reach("send")
        name = key.encode() if isinstance(key, str) else key
        return self.producer.send(topic or self.name, value, name, headers)

    def produce(
        self,
        run: Recorder,
        orders: Iterable[Order],
        key: Callable[[Order], str] = by_store,
        value: Callable[[Order], bytes] | None = None,
        known_as: Callable[[Order], str | None] | None = None,
        at_once: int = 100,
        name: Callable[[Order], str] = name_of,
    ) -> None:
        """Send orders, recorded with the partition and offset they were given.

        Each is a "produce" of "customers", value its name, extra {store, partition,
        offset}. known_as: its key in the history, the record's own by default; another
        one where two ways with different keys must have the same schedule. Where it is
        None, the message is known by its name alone, as extra {id}. at_once: customers
        who wait for their answers at the same time. name: of what is sent, where it is
        not the order itself.
        """
        waiting = list(orders)
        for start in range(0, len(waiting), at_once):
            some = waiting[start : start + at_once]
            with ExitStack() as unanswered:
                ops = []
                for order in some:
                    known, called = (known_as or key)(order), name(order)
                    told: dict[str, Any] = {"store": order.store}
                    told |= {"id": called} if known is None else {}
                    call = run.call("customers", "produce", known, called, **told)
                    ops.append(unanswered.enter_context(call))
                made = value or self.as_record
                answers = [self.send(made(order), key(order)) for order in some]
                for op, answer in zip(ops, answers, strict=True):
                    stored = answer.get(timeout=10)
                    op.extra["partition"] = stored.partition
                    op.extra["offset"] = stored.offset

    def as_record(self, order: Order) -> bytes:
        """The order as the shop's release of the day writes it."""
        bad = order.order_id in self.spoilt
        return with_comma(order) if bad else as_json(order)

    def load(
        self,
        orders: Iterable[Order],
        key: Callable[[Order], str] = by_store,
        partitions: int = 1,
    ) -> list[int]:
        """Send orders to a fresh topic, unrecorded: how many each partition got."""
        self.fresh(partitions)
        for order in orders:
            self.send(as_json(order), key(order))
        self.producer.flush()
        return self.kafka.end_offsets(self.name)

    def work(
        self,
        run: Recorder,
        handle: Callable[[Any], bool],
        polls: int,
        batch: int = 20,
    ) -> None:
        """Let the workers take what is in the topic now, `polls` times in turn.

        In a poll each partition's worker takes at most `batch` records, in order, and
        hands them to `handle(record)`. False means "not done": the worker stays at that
        record, and it comes first in the next poll. What is done is committed when all
        had their turn. A handler that raises `Died` ends its worker, and the next one
        begins at what was committed. The lag is recorded before the first poll and
        after each (see `lag`).
        """
        ends = self.kafka.end_offsets(self.name)
        places = [TopicPartition(self.name, number) for number in range(len(ends))]
        workers = [self._worker(number) for number in range(len(places))]
        turns = list(zip(workers, places, ends, strict=True))
        for worker, place, _ in turns:
            worker.assign([place])
            worker.committed(place)  # waits until the group has its coordinator
        self.lag(run, poll=0)
        for poll in range(1, polls + 1):
            done = {}
            for worker, place, end in turns:
                upto = min(end, position(worker) + batch)
                if self._turn(handle, worker, place, upto):
                    done[place] = OffsetAndMetadata(worker.position(place), "", -1)
            if done:  # one request for the whole group, where each would take its own
                workers[0].commit(done)
            self.lag(run, poll=poll)

    def _turn(
        self, handle: Callable[[Any], bool], worker: Any, place: Any, end: int
    ) -> bool:
        """Whether there is something to commit."""
        records = take(worker, place, end)
        try:
            for record in records:
                if not handle(record):
                    self.attempts[place_of(record)] += 1
                    worker.seek(place, record.offset)
                    break
        except Died:
            worker.seek(place, worker.committed(place) or 0)
            for record in records:
                self.attempts.pop(place_of(record), None)
            return False
        return bool(records)

    def offsets(self, topic: str = "") -> list[tuple[int, int]]:
        """(committed, end) of each partition; 0 before the group's first commit."""
        topic = topic or self.name
        known = self.partitions if topic == self.name else 0
        ends = self.kafka.end_offsets(topic, known)
        places = [TopicPartition(topic, number) for number in range(len(ends))]
        with self.kafka.asked() as admin:
            found = admin.list_group_offsets({self.group: places})[self.group]
        committed = [max(0, found[place].offset) for place in places]  # -1: none yet
        return list(zip(committed, ends, strict=True))

    def lag(self, run: Recorder, **extra: Any) -> list[int]:
        """Records that wait, by partition, entered as one inner "poll" of "monitor"
        for each, with extra {partition, committed, lag}."""
        found = self.offsets()
        for partition, (done, end) in enumerate(found):
            with run.call("monitor", "poll", inner=True, **extra) as op:
                op.extra |= {"partition": partition, "committed": done}
                op.extra["lag"] = end - done
        return [end - done for done, end in found]

    def records(
        self, topic: str = "", partition: int | None = None, start: int = 0
    ) -> list[Any]:
        """All records from offset `start` to the end as it is now, of one partition or
        of all, by partition and offset."""
        topic = topic or self.name
        if self._reader is None:
            self._reader = self.kafka.consumer()
        found = []
        for number, end in enumerate(self.kafka.end_offsets(topic)):
            if partition in (None, number):
                place = TopicPartition(topic, number)
                self._reader.assign([place])
                self._reader.seek(place, start)
                found += take(self._reader, place, end)
        return found

    def pending(self) -> list[Any]:
        """The records of partition 0 that the group has not committed yet."""
        worker, place = self._worker(), TopicPartition(self.name, 0)
        worker.assign([place])
        worker.seek(place, worker.committed(place) or 0)
        return take(worker, place, worker.end_offsets([place])[place])

    def done(self, record: Any) -> None:
        """Commit for the group that a record, and so all before it, is done."""
        place = TopicPartition(record.topic, record.partition)
        commit(self._worker(record.partition), place, record.offset + 1)

    def processing(
        self, run: Recorder, record: Any, key: str = "", **extra: Any
    ) -> AbstractContextManager[Op]:
        """Record the block as the inner "process" of "worker" of this record, extra
        {partition}. key: for the history, the record's own by default."""
        known, which = key or record.key.decode(), order_in(record)
        extra["partition"] = record.partition
        return run.call("worker", "process", known, which, inner=True, **extra)

    def described(self) -> list[dict[str, int]]:
        """A row a partition, as `kafka-consumer-groups.sh --describe` prints them."""
        return [
            {
                "PARTITION": partition,
                "CURRENT-OFFSET": done,
                "LOG-END-OFFSET": end,
                "LAG": end - done,
            }
            for partition, (done, end) in enumerate(self.offsets())
        ]

    def _worker(self, number: int = 0) -> Any:
        while len(self._workers) <= number:
            self._workers.append(self.kafka.consumer(group_id=self.group))
        return self._workers[number]

    def put_marks(
        self,
        topics: Iterable[str] = (),
        partitions: Iterable[int] = (0,),
        producer: KafkaProducer | None = None,
    ) -> dict[Any, int]:
        """Put a mark into each partition: {TopicPartition: the mark's offset}.

        producer: one that waits for the leader alone, where a replica stands still. A
        mark also answers the fetch that such a replica had asked for, so that what
        comes behind the mark never reaches it.
        """
        wanted = [(t, p) for t in (topics or (self.name,)) for p in partitions]
        sends = (producer or self.producer).send
        sent = [sends(topic, MARK, partition=number) for topic, number in wanted]
        places = itertools.starmap(TopicPartition, wanted)
        return {p: mark.get(20).offset for p, mark in zip(places, sent, strict=True)}

    def records_to_mark(
        self, topics: Iterable[str] = (), partitions: Iterable[int] = (0,)
    ) -> list[Any]:
        """All records up to a mark that is put now, without the marks.

        After a change of leaders the end offsets may be old for a moment; a mark that
        all in-sync replicas have comes behind everything that is left.
        """
        marks, found = self.put_marks(topics, partitions), []
        with closing(self.kafka.consumer()) as reader:
            for place, offset in marks.items():
                reader.assign([place])
                reader.seek(place, 0)
                found += take(reader, place, offset + 1, within=20)
        return [record for record in found if record.value != MARK]

    def copies(self, brokers: Iterable[int]) -> dict[int, dict[int, int]]:
        """{partition: {broker: bytes of its copy}} of the newest topic, as these
        brokers have it on their disks."""
        asked = {self.name: list(range(self.partitions))}
        told = self._ask(lambda admin: admin.describe_log_dirs(asked, list(brokers)))
        found: dict[int, dict[int, int]] = {}
        for broker in told:
            for topic in broker["log_dirs"][0]["topics"]:
                for part in topic["partitions"]:
                    sizes = found.setdefault(part["partition_index"], {})
                    sizes[broker["broker"]] = part["partition_size"]
        return found

    def until_copied(
        self,
        brokers: Iterable[int],
        above: dict[int, dict[int, int]] | None = None,
        within: float = 20,
    ) -> dict[int, dict[int, int]]:
        """Wait until these brokers have copies of the same size, and if `above` is
        given, others than those; the copies. Raises TimedOut."""
        brokers = list(brokers)

        def alike() -> dict[int, dict[int, int]] | None:
            found = self.copies(brokers)
            same = all(len(set(sizes.values())) == 1 for sizes in found.values())
            more = not above or all(found[part] != above[part] for part in found)
            return found if found and same and more else None

        found = wait_until(alike, within, "a broker that runs does not catch up")
        assert found is not None
        return found

    def set_aside(
        self, run: Recorder, record: Any, which: str, error: object, to: str
    ) -> None:
        """Send a record to the topic `to`, unchanged, with headers that say where it
        came from and why; recorded as "set aside" of "worker", value `which`."""
        names = ("topic", "partition", "offset", "error")
        origin = zip(names, (*place_of(record), error), strict=True)
        headers = [(name, str(part).encode()) for name, part in origin]
        client, key = "worker", record.key.decode()
        self._reach("set aside")
        with run.call(client, "set aside", key, which, inner=True) as op:
            stored = self.send(record.value, record.key, to, headers).get(timeout=10)
            op.extra |= {"partition": stored.partition, "offset": stored.offset}
        self._reach("commit")

    def _reach(self, point: str) -> None:
        if point == self.deadly:
            self.deadly, self.deaths = "", self.deaths + 1
            raise Died(point)

    def apart(self, aside: str) -> list[Any]:
        """What was set aside from the newest topic to the topic `aside`."""
        dead = self.records(aside, start=self._before.get(aside, 0))
        return [record for record in dead if headers_of(record)["topic"] == self.name]

    def audit(
        self, run: Recorder, aside: str, read: Callable[[Any], object]
    ) -> list[Any]:
        """Enter what is left of the newest topic: each record that waits and each that
        was set aside from it to the topic `aside`, read from where they are.

        Each is an inner "find" of "auditor", value the order's name, extra {aside,
        readable}: whether `read(record)` raises nothing. Returns those set aside.
        """
        waiting = [
            record
            for number, (done, _) in enumerate(self.offsets())
            for record in self.records(partition=number, start=done)
        ]
        apart = self.apart(aside)
        for found, is_aside in ((waiting, False), (apart, True)):
            for record in found:
                key, name = record.key.decode(), order_in(record)
                with run.call("auditor", "find", key, name, inner=True) as op:
                    op.extra["aside"] = is_aside
                    op.extra["readable"] = not raises(read, record)
        return apart

    def state(self, *topics: str) -> list[dict[str, Any]]:
        """What the brokers say of each partition: its leader_id (-1: none), isr_nodes,
        replica_nodes, partition_index. [] while nobody can be asked."""
        names = list(topics or (self.name,))
        found = self._ask(lambda admin: admin.describe_topics(names))
        parts = [part for topic in found for part in topic["partitions"]]
        return sorted(parts, key=lambda part: part["partition_index"])

    def led_by_others(self, *brokers: int) -> list[int]:
        """The leader of each partition of the newest topic once each has one that is
        none of these brokers; [] until then."""
        leaders = [part["leader_id"] for part in self.state()]
        return leaders if not {-1, *brokers} & set(leaders) else []

    def in_sync(self, brokers: int, *topics: str, within: float = 40) -> None:
        """Wait until each partition has that many replicas in sync. Raises TimedOut."""
        names = topics or (self.name,)

        def that_many() -> bool:
            return {len(p["isr_nodes"]) for p in self.state(*names)} == {brokers}

        late = f"{', '.join(names)}: not {brokers} in sync"
        wait_until(that_many, within, late)

    def _ask(self, question: Callable[[Any], list[Any]]) -> list[Any]:
        """The answer of an admin that is kept, [] while no broker answers in time.

        After an error another admin is made: one that knows of all brokers, also of
        those that were down before.
        """
        try:
            if self._admin is None:
                self._admin = self.kafka.admin(**IMPATIENT)
            return question(self._admin)
        except KafkaError:
            self._forget_admin()
            return []

    def _forget_admin(self) -> None:
        if self._admin is not None:
            self._admin.close()
        self._admin = None


def take(consumer: Any, place: Any, end: int, within: float = 10) -> list[Any]:
    """The records of a partition from the consumer's position up to offset `end`.

    The position is then `end`, also where a transaction's marker took an offset.
    """
    found: list[Any] = []

    def complete() -> bool:
        want = end - consumer.position(place)
        if want > 0:
            got = consumer.poll(100, max_records=want)
            found.extend(r for r in got.get(place, []) if r.offset < end)
        return consumer.position(place) >= end

    wait_until(complete, within, f"{place.topic} gave no records")
    return found


def position(consumer: Any) -> int:
    """The offset that a consumer of a single partition reads next."""
    [place] = consumer.assignment()
    return consumer.position(place)


def commit(consumer: Any, place: Any, offset: int) -> None:
    """Commit that all records before `offset` are done."""
    consumer.commit({place: OffsetAndMetadata(offset, "", -1)})


def place_of(record: Any) -> tuple[str, int, int]:
    """A record's topic, partition and offset."""
    return record.topic, record.partition, record.offset


def amount(record: Any) -> int:
    """The cents of an order's record. Raises ValueError where they are no integer."""
    return int(json.loads(record.value)["cents"])


def order_in(record: Any) -> str:
    """The name of the order that a record is about: "O-200"."""
    return str(json.loads(record.value)["order"])


def raises(function: Callable[[Any], object], given: Any) -> bool:
    try:
        function(given)
    except Exception:
        return True
    return False


def headers_of(record: Any) -> dict[str, str]:
    """A record's headers as text, by name."""
    return {name: value.decode() for name, value in record.headers}


# What the history of a day's work shows


@check(
    "all is worked off in time",
    "partitions",
    "After poll {by} no partition has records waiting.",
    "nobody looked so late",
)
def worked_off(history: History, *, by: int) -> Findings:
    """Does anything still wait after poll `by`? See `Topics.lag` for the polls.

    Violation: a partition with lag at that poll or a later one.

    Cost: O(n).
    """
    findings = Findings()
    looks: dict[int, list[Op]] = {}
    for op in history.ops("poll", outcome="ok"):
        if op.extra["poll"] >= by:
            looks.setdefault(op.extra["partition"], []).append(op)
    for partition, ops in sorted(looks.items()):
        findings.checked += 1
        if late := [op for op in ops if op.extra["lag"] > 0]:
            waits = counted(late[0].extra["lag"], "orders")
            sentence = f"partition {partition} had {waits} waiting after poll {by}"
            findings.broke(sentence, partition, ops=late)
    return findings


def accounted(history: History) -> list[Any]:
    """The names of orders that were processed, or found by the auditor."""
    done = history.ops("process", outcome="ok")
    return [op.value for op in done + history.ops("find")]


def by_poll(history: History, field: str) -> list[list[int]]:
    """For each poll the "lag" or the "committed" offset of all partitions."""
    seen: dict[int, list[int]] = {}
    for op in history.ops("poll"):
        seen.setdefault(op.extra["poll"], []).append(op.extra[field])
    return [*seen.values()]


def polls_until_empty(history: History) -> int | str:
    """After how many polls nothing waited any more; "never" if it did to the end."""
    totals = [sum(lags) for lags in by_poll(history, "lag")]
    return totals.index(0) if 0 in totals else "never"


def lane(op: Op) -> str:
    """The lane of an operation in a timeline: a partition's work, or a client."""
    return f"partition {op.extra['partition']}" if op.op == "process" else op.client
