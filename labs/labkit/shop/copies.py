"""A topic with copies on several brokers: who has what, who leads, and losing brokers.

A run begins with a topic that nobody has used (`begin`). What goes wrong in it, if
anything does, comes in steps that the schedule asks for (`strike`), so that healthy and
broken runs have the same schedule. All waits are for what brokers say.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

from kafka import TopicPartition
from kafka.protocol.admin import ElectionType

from .. import faults
from ..servers.kafka import close_producer
from ..wait import wait_until
from .crowd import at_once
from .records import read_back, refusable
from .topics import MARK, Topics

if TYPE_CHECKING:
    from kafka import KafkaProducer

    from ..proof import Run
    from ..servers.base import Node
    from ..servers.kafka import Kafka

SOON = 20  # seconds: a bound for what brokers do by themselves


class Copies(Topics):
    """Orders on the brokers of one Kafka, one topic a run.

    places: {partition: its brokers by number, leader first, then its heirs}. Order n
    goes to partition n % partitions. seen: what an operator would have looked at in the
    latest run, by name.
    """

    def __init__(
        self, kafka: Kafka, places: Mapping[int, list[int]], base: str = "orders"
    ) -> None:
        super().__init__(kafka, base)
        self.places = dict(places)
        self.nodes: dict[int, Node] = dict(enumerate(kafka.brokers, start=1))
        self.seen: dict[str, Any] = {}
        self._made: list[KafkaProducer] = []
        self._steps: list[Callable[[], object]] = []  # of the fault, still to come
        self._before_loss: Callable[[], object] = nothing
        self._after_loss: Callable[[], object] = nothing
        self._away = False  # a leader that is lost does not come back in this run
        self._anybody = False  # a replica that is not in sync may lead

    def begin(self, **config: str) -> str:
        """A fresh topic, all brokers running and in sync. config: topic settings."""
        for node in self.nodes.values():
            if not node.alive():
                node.machine.start()
        for node in self.nodes.values():
            node.ready()
        while self._made:  # an idle one goes on looking for brokers that are gone
            close_producer(self._made.pop(), within=1)
        self.seen = {}
        self._anybody = config.get("unclean_leader_election_enable") == "true"
        return self.fresh(1, self.places, **config)

    def strike(self) -> None:
        """The next thing that goes wrong in this run, if anything does."""
        if self._steps:
            self._steps.pop(0)()

    def ready(self, **settings: Any) -> KafkaProducer:
        """A producer that knows the topic. It is told of the brokers that answer, and
        learns of all others from them: made while one is frozen it may ask that one,
        ten seconds and more in vain, so it is made before."""
        places = [self.nodes[number].machine.address() for number in self.running()]
        known = ",".join(f"{host}:{port}" for host, port in places)
        producer = self.kafka.producer(**{"bootstrap_servers": known, **settings})
        self._made.append(producer)
        producer.partitions_for(self.name)
        return producer

    def open(self) -> None:
        """Put a first record into each partition, a mark, so that no customer waits for
        what a broker does only then."""
        self.put_marks(partitions=self.places, producer=self.ready())
        close_producer(self._made.pop())

    def order(self, producer: KafkaProducer, number: int) -> Any:
        """Hand over order `number`; a future of its partition and offset."""
        place = number % len(self.places)
        return producer.send(self.name, str(number).encode(), partition=place)

    # --- what customers and the packer do ---

    def sell(
        self,
        run: Run,
        producer: KafkaProducer,
        orders: Iterable[int],
        patience: float,
    ) -> dict[int, Any]:
        """Customers n in `orders` check out at once, each recorded as the "produce" of
        "customer n". Who has no answer after `patience` seconds is in doubt.
        Returns the producer's futures by order: the last word on each."""
        sent = {}

        def check_out(n: int) -> None:
            with refusable(run, f"customer {n}", "produce", "orders", n):
                sent[n] = self.order(producer, n)
                sent[n].get(patience)

        at_once(orders, check_out)
        return sent

    def second_answers(
        self,
        run: Run,
        sent: Mapping[int, Any],
        again: Callable[[int, list[int]], bool] | None = None,
        **settings: Any,
    ) -> None:
        """Settle what is in doubt, recorded as inner operations.

        again: None: the producer goes on trying, and its answer is waited for. Else a
        rule, again(n, orders in the log now), by which the shop itself sends an order
        again through a new producer, made with `settings`. Half a minute is enough for
        all of them.
        """
        end = time.monotonic() + 30
        told = {op.value for op in run.history.ops("produce", outcome="ok")}
        doubt = sorted(sent.keys() - told)
        if again and doubt:
            there, producer = self.numbers(), self.ready(**settings)
        for n in doubt:
            with refusable(run, f"customer {n}", "produce", "orders", n, inner=True):
                if again is None:
                    sent[n].get(max(0, end - time.monotonic()))
                elif again(n, there):
                    answer = self.order(producer, n)
                    answer.get(max(0, end - time.monotonic()))

    def pack(self, run: Run) -> None:
        """A packer reads the topic to its end and packs, recorded, what is in it."""
        for n in self.read_back(run):
            with run.call("packer", "process", "orders", n, inner=True):
                pass

    # --- what the brokers have ---

    def running(self) -> list[int]:
        """The numbers of the brokers that answer."""
        alive = {n: node for n, node in self.nodes.items() if node.alive()}
        return [n for n, node in alive.items() if not node.frozen()]

    def settle(
        self, above: dict[int, dict[int, int]] | None = None
    ) -> dict[int, dict[int, int]]:
        """Wait until the brokers that run have the same bytes: see `until_copied`."""
        return self.until_copied(self.running(), above)

    def led_by(self) -> list[int]:
        """Who leads each partition; -1: nobody. [] while nobody can be asked."""
        return [part["leader_id"] for part in self.state()]

    def note(self, when: str) -> None:
        """Add to seen["steps"] what kafka-topics.sh --describe says of partition 0 when
        the broker that it asks knows who is in sync."""

        def known() -> list[dict[str, Any]]:
            first = self.parts()[:1]
            there = len(self.running())
            return [part for part in first if len(part["isr_nodes"]) == there]

        [part] = wait_until(known, SOON, "no broker knows who is in sync")
        row = {"when": when, "leader": part["leader_id"]}
        row["in sync"] = str(sorted(part["isr_nodes"]))
        row["eligible"] = str(sorted(part["eligible_leader_replicas"] or []))
        self.seen.setdefault("steps", []).append(row)

    def parts(self) -> list[dict[str, Any]]:
        """`state` with eligible_leader_replicas, the list of those who may still lead
        although they are not in sync."""
        found = self._ask(
            lambda admin: admin.describe_topic_partitions([self.name])["topics"]
        )
        return [part for topic in found for part in topic["partitions"]]

    def read_back(self, run: Run) -> list[int]:
        """Record as "read back" which orders the topic has, and return them sorted."""
        op = read_back(run, "orders", lambda: sorted(self.numbers()))
        return op.value

    def numbers(self) -> list[int]:
        """The orders in the topic, by partition and offset."""
        # one that was made before may have lost sight of all brokers that are left
        self._producer = self.ready()
        found = self.records_to_mark(partitions=self.places)
        return [int(record.value) for record in found]

    # --- who is lost ---

    def leave(self, broker: int, kill: bool = False) -> None:
        """Stop a broker in good order, or kill it, and wait until it is off the list
        of those in sync."""
        node = self.nodes[broker]
        node.kill() if kill else node.stop()
        self.in_sync(len(self.running()))

    def lose_leader(self) -> None:
        """Kill broker 1, the leader, and wait until others lead. What the fault held
        up comes back, and so does broker 1, unless the fault keeps it away."""
        leader = self.nodes[1]
        self._before_loss()
        leader.kill()
        self._after_loss()
        self.seen["state"] = self.state()
        if not self._away:
            leader.machine.start()

        self.seen["leaders"] = wait_until(
            lambda: self.led_by_others(1), SOON, "nobody leads"
        )

    def come_back(self, *brokers: int) -> None:
        """Start brokers one after another, each with what its disk has."""
        for broker in brokers:
            self.nodes[broker].start()

    def missed(self, broker: int) -> None:
        """Wait until the brokers that run know that this one leads no more. Where the
        topic lets a replica lead that is not in sync, wait until one does."""

        def known() -> bool:
            gone = {broker, -1} if self._anybody else {broker}
            leaders = set(self.led_by())
            return bool(leaders) and not gone & leaders

        wait_until(known, SOON, f"nobody misses kafka{broker}")

    def elect(self) -> bool:
        """Wait until a broker that runs leads each partition, or nobody does although
        all that can are back; then any replica is made to lead, which is the last
        resort (kafka-leader-election.sh --election-type unclean). Whether it was."""
        able = set(self.running())

        def led(part: dict[str, Any]) -> bool:
            """A broker that may lead and runs will: who is asked may not know yet."""
            hopes = able.intersection(part["eligible_leader_replicas"] or [])
            leader = part["leader_id"]
            return leader in able or (leader == -1 and not hopes)

        def settled() -> list[int]:
            parts = self.parts()
            return [part["leader_id"] for part in parts] if all(map(led, parts)) else []

        found = wait_until(settled, SOON, "a broker that is gone leads")
        orphans = [place for place, leader in enumerate(found) if leader == -1]
        if orphans:
            with self.kafka.short_lived_admin() as admin:
                admin.elect_leaders(ElectionType.UNCLEAN, {self.name: orphans})
        return bool(orphans)

    def frozen(self, broker: int) -> faults.Fault:
        """A fault: a follower stands still from `strike` until the leader is lost. It
        is back before anybody has missed it, and stays in sync. Meter: records that the
        leader of partition 0 had taken and no consumer could read."""
        return _frozen(self, self.nodes[broker])

    def away(self, *brokers: int) -> faults.Fault:
        """A fault: followers are stopped at the first `strike`. They come back when the
        leader is lost, which then stays away, and whoever is there is made to lead; or
        at the third `strike`, if the leader is not lost. Meter: how many left."""
        return _away(self, brokers)

    def one_by_one(self, *brokers: int, crash: bool = False) -> faults.Fault:
        """A fault in steps, one for each `strike`: one broker after another is stopped
        (crash: the last but one is killed), the last one is killed and stays away; the
        others come back in the order in which they went, the first before and the rest
        after the lost one is missed. Meter: how many went."""
        return _one_by_one(self, brokers, crash)


def nothing() -> None:
    """What goes wrong in a healthy run."""


@faults.fault("a follower frozen")
def _frozen(copies: Copies, node: Node) -> faults.Body:
    behind = 0
    clients: dict[str, Any] = {}

    def probe() -> int:
        sent = clients["hasty"].send(copies.name, MARK, partition=0)
        return sent.get(SOON).offset + 1

    def visible() -> int:
        place = TopicPartition(copies.name, 0)
        return clients["monitor"].end_offsets([place])[place]

    def freeze() -> None:
        # made before: a client that is new might ask the frozen broker first
        clients["hasty"] = copies.ready(acks=1)
        clients["monitor"] = copies.kafka.consumer()
        visible()
        stack.enter_context(faults.paused(node))
        # its last request to fetch may be under way, and takes a first record with it
        probe()
        copies.settle()

    def look() -> None:
        nonlocal behind
        copies.seen["taken"], copies.seen["visible"] = probe(), visible()
        behind = copies.seen["taken"] - copies.seen["visible"]

    with ExitStack() as stack:
        copies._steps = [freeze]
        copies._before_loss, copies._after_loss = look, stack.close
        yield lambda: behind
        copies._steps = []
        copies._before_loss = copies._after_loss = nothing
    for client in clients.values():
        client.close()


@faults.fault("followers away")
def _away(copies: Copies, brokers: tuple[int, ...]) -> faults.Body:
    gone: list[int] = []

    def leave() -> None:
        for broker in brokers:
            copies.leave(broker)
            gone.append(broker)

    def come_back() -> None:
        copies.come_back(*brokers)
        copies.elect()

    def rejoin() -> None:
        copies.come_back(*brokers)
        copies.in_sync(len(copies.running()))

    copies._steps = [leave, nothing, rejoin]
    copies._after_loss, copies._away = come_back, True
    yield lambda: len(gone)
    copies._steps, copies._after_loss, copies._away = [], nothing, False


@faults.fault("one broker after another")
def _one_by_one(copies: Copies, brokers: tuple[int, ...], crash: bool) -> faults.Body:
    *first, last = brokers
    gone: list[int] = []

    def leave(broker: int) -> None:
        copies.leave(broker, kill=crash and broker == first[-1])
        gone.append(broker)
        copies.note(f"kafka{broker} has left")

    def lose_the_last() -> None:
        copies.nodes[last].kill()
        gone.append(last)
        copies.come_back(*first[:1])
        # who leads then shall not hang on how quickly the others start
        copies.missed(last)
        copies.come_back(*first[1:])
        copies.seen["elected by hand"] = copies.elect()
        copies.in_sync(len(first))
        copies.note(f"kafka{last} is lost, the others are back")

    copies._steps = [*(partial(leave, broker) for broker in first), lose_the_last]
    yield lambda: len(gone)
    copies._steps = []
