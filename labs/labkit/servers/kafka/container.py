"""Kafka (KRaft) from its official image."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from ...runtimes.containers.machine import ContainerMachine
from ...runtimes.java import LIGHT
from .conf import HEAP, kafka_properties

if TYPE_CHECKING:
    from ...runtimes.containers import ContainerRuntime

CONTROLLER = 9093
INTERNAL = 9094


class Container(ContainerMachine):
    """A broker, a controller, or both in one: see `Process` for the options.

    Clients on this machine come in by the listener CLIENT, other brokers by INTERNAL.
    server.properties is a file, which the image takes in place of its own: in KAFKA_*
    variables the password could be read from outside.
    """

    image = "apache/kafka:4.3.1"
    port_inside = 9092
    stop_within = 15

    def __init__(
        self,
        runtime: ContainerRuntime,
        name: str,
        node_id: int,
        roles: str,
        settings: dict[str, str],
        peers: list[Container],
        password: str,
    ) -> None:
        super().__init__(runtime, name, password)
        self.node_id = node_id
        self.roles = roles
        self.settings = settings
        self.peers = peers
        self.published = "broker" in roles
        for peer in peers:  # one alone needs no network
            self.in_network = peer.in_network = True

    def follows(self) -> list[ContainerMachine]:
        if "controller" in self.roles:
            return []
        return [peer for peer in self.peers if "controller" in peer.roles]

    def files(self) -> dict[str, str]:
        properties = kafka_properties(
            node_id=self.node_id,
            roles=self.roles,
            settings=self.settings,
            voters={
                peer.node_id: f"{peer.host}:{CONTROLLER}"
                for peer in self.peers
                if "controller" in peer.roles
            },
            listeners={
                "broker": {
                    "CLIENT": f"0.0.0.0:{self.port_inside}",
                    "INTERNAL": f"0.0.0.0:{INTERNAL}",
                },
                "controller": {"CONTROLLER": f"0.0.0.0:{CONTROLLER}"},
            },
            advertised=self.advertised(),
            between_brokers="INTERNAL",
            password=self.password,
            data="/tmp/kraft-combined-logs",
        )
        return {"/mnt/shared/config/server.properties": properties}

    def advertised(self) -> dict[str, str]:
        if "broker" not in self.roles:
            return {}
        return {
            "CLIENT": f"127.0.0.1:{self.port.number}",
            "INTERNAL": f"{self.host}:{INTERNAL}",
        }

    def environment(self) -> dict[str, str]:
        return {
            "KAFKA_HEAP_OPTS": " ".join(HEAP),
            "KAFKA_JVM_PERFORMANCE_OPTS": " ".join(LIGHT),
        }

    def release(self) -> str:
        return self._release

    @functools.cached_property
    def _release(self) -> str:
        """From the name of the broker's jar: its protocol does not tell."""
        found = re.search(
            r"kafka_[\d.]+-([\d.]+)\.jar", self.run("ls", "/opt/kafka/libs")
        )
        return found.group(1) if found else "of unknown release"
