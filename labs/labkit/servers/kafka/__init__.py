"""Kafka in KRaft mode: one combined node, or a controller and several brokers."""

from __future__ import annotations

import contextlib
import logging
import secrets
import socket
from collections.abc import Iterator
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic, OffsetSpec
from kafka.errors import KafkaError, KafkaTimeoutError

from ...runtimes import Machine, Runtime
from ..base import Node, Server
from .conf import USER, Member, common_settings

# A broken connection is what some labs are about: it belongs in the history, not on
# standard error.
logging.getLogger("kafka").setLevel(logging.CRITICAL)


class KafkaNode(Node):
    """A broker, or a controller, which no client talks to."""

    def __init__(self, machine: Machine, cluster: Kafka, is_broker: bool) -> None:
        super().__init__(machine)
        self.cluster = cluster
        self.is_broker = is_broker

    def answers(self) -> bool:
        """A broker answers for itself; a controller is ready when brokers are."""
        if not self.is_broker:
            return self.alive()
        with contextlib.suppress(KafkaError, OSError):
            # a client that is refused backs off for longer than a start takes
            host, port = self.machine.address()
            socket.create_connection((host, port), timeout=1).close()
            with self.cluster.asked(f"{host}:{port}") as admin:
                found = admin.describe_cluster()["brokers"]
                return len(found) >= self.cluster.expected_brokers()
        return False

    def forget(self) -> None:
        self.cluster.forget()


class Kafka(Server[KafkaNode]):
    """A cluster. brokers=1: one node that is controller and broker; brokers=n: one
    controller and n brokers ("kafka1", ... in `brokers`).

    settings: lines of server.properties beyond the labs' own. All clients are
    kafka-python's and are closed with the server.
    """

    package = __name__
    product = "Apache Kafka"

    def __init__(
        self, brokers: int = 1, settings: dict[str, str] | None = None
    ) -> None:
        super().__init__()
        self.how_many = brokers
        self.settings = {**common_settings(brokers), **(settings or {})}
        self.password = secrets.token_urlsafe(18)
        self._clients: list[Any] = []
        self._own: KafkaAdminClient | None = None

    def attach(self, runtime: Runtime) -> None:
        peers: list[Machine] = []

        def make(name: str, node_id: int, roles: str) -> KafkaNode:
            member = Member(node_id, roles, self.settings, peers)
            machine = runtime.machine(
                self.package, name, member=member, password=self.password
            )
            peers.append(machine)
            return KafkaNode(machine, self, member.is_broker)

        if self.how_many == 1:
            self.nodes = [make("kafka", 1, "controller,broker")]
        else:
            self.nodes = [make("controller", 100, "controller")]
            self.nodes += [
                make(f"kafka{n}", n, "broker") for n in range(1, self.how_many + 1)
            ]
        self.brokers = [node for node in self.nodes if node.is_broker]

    def expected_brokers(self) -> int:
        return sum(broker.alive() for broker in self.brokers)

    def version(self) -> str:
        """From the jar that the broker runs: its protocol does not tell the release."""
        return self.brokers[0].machine.release()

    @property
    def bootstrap(self) -> str:
        """host:port,... of all brokers."""
        places = [broker.machine.address() for broker in self.brokers]
        return ",".join(f"{host}:{port}" for host, port in places)

    def login(self) -> dict[str, Any]:
        """What any kafka-python client needs in order to connect."""
        return {
            "bootstrap_servers": self.bootstrap,
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "PLAIN",
            "sasl_plain_username": USER,
            "sasl_plain_password": self.password,
            "reconnect_backoff_ms": 20,
            "reconnect_backoff_max_ms": 500,  # 30 s by default: longer than a lab
        }

    def producer(self, **more: Any) -> KafkaProducer:
        """Waits for all in-sync replicas (acks="all") unless told otherwise."""
        return self._kept(KafkaProducer(**{**self.login(), "acks": "all", **more}))

    def consumer(self, *topics: str, **more: Any) -> KafkaConsumer:
        """Commits only when told to, and begins at the earliest record.

        It knows its topics before it joins a group. Else it may join with nothing to
        share out, join again when it learns of them, and lose what it is given: where a
        `poll` ends in the middle of that, kafka-python 3.0.12 never takes it up.
        """
        defaults = {"enable_auto_commit": False, "auto_offset_reset": "earliest"}
        consumer = KafkaConsumer(*topics, **{**self.login(), **defaults, **more})
        if topics and more.get("group_id"):
            consumer.topics()  # asks, with the subscription known
        return self._kept(consumer)

    def admin(self, **more: Any) -> KafkaAdminClient:
        return self._kept(KafkaAdminClient(**{**self.login(), **more}))

    @contextlib.contextmanager
    def short_lived_admin(self, bootstrap: str = "") -> Iterator[KafkaAdminClient]:
        """One that has not lost its broker to a fault; bootstrap: host:port, or all."""
        admin = self._impatient_admin(bootstrap)
        try:
            yield admin
        finally:
            admin.close()

    @contextlib.contextmanager
    def asked(self, bootstrap: str = "") -> Iterator[KafkaAdminClient]:
        """An admin for the cluster's own questions. One node's is kept, since making it
        takes longer than most questions; among several nodes a fault may cut it off.
        bootstrap: host:port of the node to ask, or all."""
        if self.how_many > 1:
            with self.short_lived_admin(bootstrap) as admin:
                yield admin
        else:
            if self._own is None:
                self._own = self._impatient_admin(bootstrap)
            yield self._own

    def _impatient_admin(self, bootstrap: str) -> KafkaAdminClient:
        """Gives up after seconds: what it asks may be gone on purpose."""
        login = self.login()
        login["bootstrap_servers"] = bootstrap or self.bootstrap
        return KafkaAdminClient(**login, retry_backoff_ms=20, bootstrap_timeout_ms=5000)

    def forget(self) -> None:
        """Close what `asked` keeps."""
        own, self._own = self._own, None
        if own is not None:
            with contextlib.suppress(Exception):  # its broker may be dead on purpose
                own.close()

    def _kept(self, client: Any) -> Any:
        self._clients.append(client)
        return client

    def create_topic(
        self, name: str, partitions: int = 1, replication: int = 1, **config: str
    ) -> None:
        """Create a topic and wait until every partition has a leader.

        config: topic settings, with _ for the dot (max_message_bytes="1000").
        """
        settings = {key.replace("_", "."): value for key, value in config.items()}
        topic = NewTopic(name, partitions, replication, topic_configs=settings)
        with self.asked() as admin:
            admin.create_topics([topic])

            def leaders() -> int:
                found = admin.describe_topics([name])[0].get("partitions", [])
                return sum(partition["leader_id"] >= 0 for partition in found)

            self.brokers[0].until(lambda: leaders() == partitions, 20, f"lead {name}")

    def end_offsets(self, topic: str, partitions: int = 0) -> list[int]:
        """The next offset of each partition: how many records were ever written.

        partitions: how many it has; 0: the broker is asked for that, too.
        """
        with self.asked() as admin:
            if not partitions:
                [found] = admin.describe_topics([topic])
                partitions = len(found["partitions"])
            places = [TopicPartition(topic, number) for number in range(partitions)]
            ends = admin.list_partition_offsets(
                dict.fromkeys(places, OffsetSpec.LATEST)
            )
            return [ends[place].offset for place in places]

    def stop(self) -> None:
        for client in reversed(self._clients):
            with contextlib.suppress(Exception):  # its broker may be dead on purpose
                close(client)
        self._clients.clear()
        self.forget()
        super().stop()


def close(client: Any) -> None:
    """Close a client, within seconds even where its broker is gone."""
    if isinstance(client, KafkaProducer):
        close_producer(client)
    elif isinstance(client, KafkaConsumer):
        client.close(timeout_ms=5000)
    else:
        client.close()


def close_producer(producer: KafkaProducer, within: float = 5) -> None:
    """Left to itself, one whose broker is gone takes the two minutes for which it may
    try to deliver what it holds."""
    try:
        producer.close(timeout=within)
    except KafkaTimeoutError:  # it gave up before it closed anything
        producer._sender.force_close()
        producer.close(timeout=1)
