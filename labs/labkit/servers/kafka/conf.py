"""What Kafka is told, the same in both runtimes: all but its addresses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

USER = "labs"
HEAP = ("-Xms256m", "-Xmx256m")


def common_settings(brokers: int) -> dict[str, str]:
    """server.properties for small clusters that start fast."""
    copies = str(min(brokers, 3))
    in_sync = str(max(1, min(brokers, 3) - 1))
    return {
        "num.partitions": "1",
        "auto.create.topics.enable": "false",
        "default.replication.factor": copies,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": copies,
        "offsets.topic.num.partitions": "1",
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": in_sync,
        "transaction.state.log.num.partitions": "1",
        "share.coordinator.state.topic.replication.factor": copies,
        "share.coordinator.state.topic.min.isr": in_sync,
        "group.initial.rebalance.delay.ms": "0",
        # else each change of metadata waits 25 ms for others to join it, and a start
        # and a first record are several in a row
        "controller.quorum.append.linger.ms": "0",
        "num.network.threads": "1",
        "num.io.threads": "2",
        "background.threads": "2",
        "num.recovery.threads.per.data.dir": "1",
        "log.cleaner.enable": "false",
        "controlled.shutdown.enable": "true" if brokers > 1 else "false",
    }


@dataclass(frozen=True)
class Member:
    """What a machine is in its cluster.

    roles: "broker,controller", "broker" or "controller". settings: lines of
    server.properties, without the addresses, which are the runtime's affair. peers: all
    machines of the cluster, this one included, filled in before the first start; each
    has a `member`.
    """

    node_id: int
    roles: str
    settings: Mapping[str, str]
    peers: list[Any]

    @property
    def is_broker(self) -> bool:
        return "broker" in self.roles

    @property
    def is_controller(self) -> bool:
        return "controller" in self.roles

    def controllers(self) -> list[Any]:
        return [peer for peer in self.peers if peer.member.is_controller]

    def voters(self, address: Callable[[Any], str]) -> dict[int, str]:
        """host:port of each controller, as `address` has it, by node id."""
        return {peer.member.node_id: address(peer) for peer in self.controllers()}


def closed(listeners: list[str], between_brokers: str, password: str) -> dict[str, str]:
    """Lines of server.properties that make every listener ask for SASL/PLAIN.

    The traffic is not encrypted: it never leaves the machine.
    """
    login = (
        "org.apache.kafka.common.security.plain.PlainLoginModule required "
        f'username="{USER}" password="{password}" user_{USER}="{password}";'
    )
    return {
        "listener.security.protocol.map": ",".join(
            f"{name}:SASL_PLAINTEXT" for name in listeners
        ),
        "inter.broker.listener.name": between_brokers,
        "controller.listener.names": "CONTROLLER",
        "sasl.enabled.mechanisms": "PLAIN",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "sasl.mechanism.controller.protocol": "PLAIN",
        **{
            f"listener.name.{name.lower()}.plain.sasl.jaas.config": login
            for name in listeners
        },
    }


def kafka_properties(
    member: Member,
    *,
    voters: Mapping[int, str],
    listeners: Mapping[str, Mapping[str, str]],
    advertised: Mapping[str, str],
    between_brokers: str,
    password: str,
    data: str,
) -> str:
    """server.properties of one node.

    voters: see `Member.voters`. listeners: for each role, host:port to listen on by
    listener name; names of the other roles are known too, since a node also calls them.
    advertised: host:port that clients are told, by listener name; empty for a
    controller. between_brokers: the listener for traffic among brokers. data:
    directory.
    """
    roles = member.roles.split(",")
    mine = {k: v for role in roles for k, v in listeners[role].items()}
    conf = {
        **member.settings,
        **closed(
            [k for of in listeners.values() for k in of], between_brokers, password
        ),
        "process.roles": member.roles,
        "node.id": str(member.node_id),
        "controller.quorum.voters": ",".join(f"{k}@{v}" for k, v in voters.items()),
        "listeners": urls(mine),
        "log.dirs": data,
    }
    if advertised:
        conf["advertised.listeners"] = urls(advertised)
    return "".join(f"{key}={value}\n" for key, value in conf.items())


def urls(places: Mapping[str, str]) -> str:
    return ",".join(f"{name}://{place}" for name, place in places.items())
